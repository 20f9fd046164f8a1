"""Settings that docs/questions.md says this project has, compared with the compiled template."""

import json
import re

from tools.kit.packaging import Template
from tools.kit.project import ROOT


def test_settings_in_the_answers_are_those_of_the_template(prod: Template) -> None:
    answers = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    settings = re.findall(r"`([A-Z]\w+): (\w+)`", answers)
    compiled = re.sub(r'"', "", json.dumps(prod.document))

    assert {"VisibilityTimeout", "Timeout", "BatchSize", "MaximumConcurrency", "MetricName"} <= dict(settings).keys()
    assert [name for name, value in settings if not re.search(rf"\b{name}: {value}\b", compiled)] == []
