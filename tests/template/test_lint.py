"""The auditors that `make check` runs: that they find, and that they ignore no more than they have to."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.template.compiled import Compile
from tools.develop import lint
from tools.kit.packaging import Template

CHECKOVS = {rule for rule in lint.IGNORED if rule.startswith("CKV")}


@pytest.fixture
def document(complete: Template) -> Any:
    """A copy of prod's template, to be spoilt."""
    return json.loads(json.dumps(complete.document))


def findings(folder: Path, document: Any, ignored: Sequence[str] = tuple(lint.IGNORED)) -> list[str]:
    (folder / "prod.json").write_text(json.dumps(document))
    return lint.findings(folder, ["prod.json"], ignored)


def audit(folder: Path, document: Any, ignored: Sequence[str] = tuple(lint.IGNORED)) -> list[str]:
    (folder / "prod.json").write_text(json.dumps(document))
    return lint.audit(folder, ["prod.json"], ignored)


def test_every_ignored_rule_would_complain(tmp_path: Path, document: Any) -> None:
    found = findings(tmp_path, document, ignored=["I"])
    assert {re.findall(r":([A-Z]+\d+):", line)[0] for line in found} == lint.IGNORED.keys() - CHECKOVS


def test_every_ignored_rule_of_the_auditor_would_complain(tmp_path: Path, document: Any) -> None:
    both = audit(tmp_path, document, ignored=[])
    both += lint.audit(lint.DEPLOY_ROLE.parent, [lint.DEPLOY_ROLE.name], ignored=[])
    found = {" ".join(line.split()[1:3]).rstrip(":") for line in both}
    everywhere = {rule for rule in CHECKOVS if " " not in rule}
    assert {line.split()[0] if line.split()[0] in everywhere else line for line in found} == CHECKOVS


def test_access_logs_and_traces_need_no_exception_once_they_are_asked_for(tmp_path: Path, compiled: Compile) -> None:
    document = compiled("prod", "accessLogs=true", "tracing=true", "uploads=true", "site=true").document
    until_then = {"ES2000", "WS1000", "WS2002", "CKV_AWS_73 ApiStage", "CKV_AWS_76 ApiStage"}
    ignored = sorted(lint.IGNORED.keys() - until_then)
    assert findings(tmp_path, document, ignored) + audit(tmp_path, document, ignored) == []


def test_the_auditor_finds_what_is_open_unencrypted_or_unbounded(tmp_path: Path, document: Any) -> None:
    resources = document["Resources"]
    resources["DatabaseCluster"]["Properties"]["StorageEncrypted"] = False
    del resources["DatabaseSecurityGroup"]["Properties"]["SecurityGroupIngress"][0]["Description"]
    del resources["BatidaPontoLambdaFunction"]["Properties"]["ReservedConcurrentExecutions"]

    found = {tuple(line.split()[:3]) for line in audit(tmp_path, document)}

    assert found == {
        ("prod.json:", "CKV_AWS_96", "DatabaseCluster:"),
        ("prod.json:", "CKV_AWS_23", "DatabaseSecurityGroup:"),
        ("prod.json:", "CKV_AWS_115", "BatidaPontoLambdaFunction:"),  # accepted of another function only
    }


@pytest.mark.parametrize("content", ["{}", "{", None], ids=["empty", "broken", "missing"])
def test_a_template_that_the_auditor_cannot_read_is_no_clean_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "prod.json").write_text(content)
    with pytest.raises(RuntimeError, match="checkov"):
        lint.audit(tmp_path, ["prod.json"])
