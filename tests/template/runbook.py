"""The alarms as `docs/runbook.md` has them, a section for each: the list that templates and tests are held against."""

import re
from typing import Any

from tools.kit.packaging import Template
from tools.kit.project import ROOT

ALARM = "AWS::CloudWatch::Alarm"
TEXT = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = {
    title: text
    for title, _, text in (section.partition("\n") for section in re.split("^## ", TEXT, flags=re.MULTILINE)[1:])
}

ESSENTIAL = ("dead-letters", "keeps-failing", "function-errors")


def alarms(template: Template, stage: str = "prod") -> dict[str, Any]:
    """Give the properties of a stage's alarms by their section."""
    return {
        alarm["AlarmName"].removeprefix(f"batida-ponto-{stage}-"): alarm for alarm in template.of_type(ALARM).values()
    }


def of_a_stage(prod: Template, *, metric_math: bool, cluster: bool, essential: bool = False) -> set[str]:
    """Give the sections whose alarms a stage has: all, but for those on what it lacks.

    Args:
        prod: the reference's template with all alarms, which says what each looks at.
        metric_math: whether the stage may have alarms on expressions.
        cluster: whether it makes the database's cluster.
        essential: whether it wants no others than ESSENTIAL.
    """
    compiled = alarms(prod)
    if essential:
        return set(ESSENTIAL)
    return {
        section
        for section in SECTIONS
        if (metric_math or "Metrics" not in compiled[section]) and (cluster or "AWS/RDS" not in str(compiled[section]))
    }


def logical_id(section: str) -> str:
    """Give the name of an alarm's resource: `dead-letters` is DeadLettersAlarm."""
    return f"{''.join(word.capitalize() for word in section.split('-'))}Alarm"
