"""The form of an issue that reports a deploy."""

import yaml

from tools.kit.project import ROOT


def test_issue_form_takes_the_report_and_asks_only_for_the_rest() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "deployed.yml").read_text(encoding="utf-8"))
    fields = {field["id"]: field for field in form["body"] if "id" in field}
    assert list(fields) == ["report", "plan", "loadtest", "surprises", "checked"]
    assert fields["report"]["attributes"]["label"] == "What `ponto deploy --report` printed"
    assert fields["report"]["validations"] == {"required": True}
