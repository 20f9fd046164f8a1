"""The auditors that `make check` runs: that they find, and that they ignore no more than they have to."""

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.template.compiled import SWITCHES, Packaged
from tools.develop import lint
from tools.kit.packaging import Template

CHECKOVS = {rule for rule in lint.IGNORED if rule.startswith("CKV")}
UNTIL_OBSERVED = {"ES2000", "WS1000", "WS2002", "CKV_AWS_73 ApiStage", "CKV_AWS_76 ApiStage"}


def write(folder: Path, **documents: Any) -> list[str]:
    """Write templates, each by its name; give the files' names."""
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return [f"{name}.json" for name in documents]


def test_every_ignored_rule_would_complain(tmp_path: Path, complete: Template) -> None:
    found = lint.findings(tmp_path, write(tmp_path, prod=complete.document), ignored=["I"])
    assert {re.findall(r":([A-Z]+\d+):", line)[0] for line in found} == lint.IGNORED.keys() - CHECKOVS


def test_every_ignored_rule_of_the_auditor_would_complain(tmp_path: Path, complete: Template, dev: Template) -> None:
    for file in lint.ALONE:
        shutil.copy(file, tmp_path)
    names = [*(file.name for file in lint.ALONE), *write(tmp_path, prod=complete.document, dev=dev.document)]
    found = {" ".join(line.split()[1:3]).rstrip(":") for line in lint.audit(tmp_path, names, ignored=[])}
    everywhere = {rule for rule in CHECKOVS if " " not in rule}
    assert {line.split()[0] if line.split()[0] in everywhere else line for line in found} == CHECKOVS


@pytest.fixture
def observed(whole: Packaged) -> Any:
    """Prod with all that there is: it needs no exception for access logs and traces."""
    return whole("prod", "accessLogs=true", "tracing=true", *SWITCHES).template().document


def test_the_linter_finds_what_cannot_be_created_and_nothing_else(tmp_path: Path, observed: Any) -> None:
    old, unknown, dangling, circle = (copy.deepcopy(observed) for _ in range(4))
    old["Resources"]["DatabaseCluster"]["Properties"]["EngineVersion"] = "13.4"
    unknown["Resources"]["DatabaseCluster"]["Properties"]["EngineVersion"] = "16.99"
    dangling["Outputs"]["ApiId"]["Value"] = {"Ref": "Nothing"}
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["PunchQueue", "Arn"]}, "maxReceiveCount": 5}
    circle["Resources"]["DeadLetterQueue"]["Properties"]["RedrivePolicy"] = redrive
    names = write(tmp_path, whole=observed, old=old, unknown=unknown, dangling=dangling, circle=circle)

    found = lint.findings(tmp_path, names, lint.IGNORED.keys() - UNTIL_OBSERVED)

    of = {name: [line for line in found if line.startswith(name)] for name in names}
    assert of["whole.json"] == []
    for name, word in (("old", "13.4"), ("unknown", "16.99"), ("dangling", "'Nothing'")):
        (line,) = of[f"{name}.json"]
        assert word in line
    assert of["circle.json"]
    assert all("E3004" in line for line in of["circle.json"])


def test_the_auditor_finds_what_is_open_unencrypted_or_unbounded(tmp_path: Path, observed: Any) -> None:
    spoilt = copy.deepcopy(observed)
    resources = spoilt["Resources"]
    resources["DatabaseCluster"]["Properties"]["StorageEncrypted"] = False
    del resources["DatabaseSecurityGroup"]["Properties"]["SecurityGroupIngress"][0]["Description"]
    del resources["BatidaPontoLambdaFunction"]["Properties"]["ReservedConcurrentExecutions"]

    names = write(tmp_path, whole=observed, spoilt=spoilt)
    found = lint.audit(tmp_path, names, lint.IGNORED.keys() - UNTIL_OBSERVED)

    assert {tuple(line.split()[:3]) for line in found} == {
        ("spoilt.json:", "CKV_AWS_96", "DatabaseCluster:"),
        ("spoilt.json:", "CKV_AWS_23", "DatabaseSecurityGroup:"),
        ("spoilt.json:", "CKV_AWS_115", "BatidaPontoLambdaFunction:"),  # accepted of another function only
    }


@pytest.mark.parametrize("content", ["{", None], ids=["broken", "missing"])
def test_a_template_that_the_auditor_cannot_read_is_no_clean_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "prod.json").write_text(content)
    with pytest.raises(RuntimeError, match="checkov"):
        lint.audit(tmp_path, ["prod.json"])
