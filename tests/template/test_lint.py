"""The linter that `make check` runs: that it finds, and that it ignores no more than it has to."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.template import lint
from tests.template.packaging import Template


@pytest.fixture
def document(prod: Template) -> Any:
    """A copy of prod's template, to be spoilt."""
    return json.loads(json.dumps(prod.document))


def findings(folder: Path, document: Any, ignored: Sequence[str] = tuple(lint.IGNORED)) -> list[str]:
    (folder / "prod.json").write_text(json.dumps(document))
    return lint.findings(folder, ["prod.json"], ignored)


def test_every_ignored_rule_would_complain(tmp_path: Path, document: Any) -> None:
    found = findings(tmp_path, document, ignored=["I"])
    assert {re.findall(r":([A-Z]+\d+):", line)[0] for line in found} == set(lint.IGNORED)


@pytest.mark.parametrize("version", ["13.4", "16.99"])
def test_an_engine_version_that_cannot_be_created_is_found(tmp_path: Path, document: Any, version: str) -> None:
    document["Resources"]["DatabaseCluster"]["Properties"]["EngineVersion"] = version
    (found,) = findings(tmp_path, document)
    assert found.startswith("prod.json:")
    assert version in found


def test_a_reference_to_nothing_is_found(tmp_path: Path, document: Any) -> None:
    document["Outputs"]["ApiId"]["Value"] = {"Ref": "Nothing"}
    (found,) = findings(tmp_path, document)
    assert "'Nothing'" in found


def test_a_template_that_is_not_there_is_found(tmp_path: Path) -> None:
    (found,) = lint.findings(tmp_path, ["missing.json"])
    assert "missing.json" in found
