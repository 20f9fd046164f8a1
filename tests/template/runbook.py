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


def alarms(template: Template, stage: str = "prod") -> dict[str, Any]:
    """Return the properties of a stage's alarms by their section."""
    return {
        alarm["AlarmName"].removeprefix(f"batida-ponto-{stage}-"): alarm for alarm in template.of_type(ALARM).values()
    }
