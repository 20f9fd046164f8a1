"""The documents' descriptions of a punch's fields agree with the schema."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from tests.documents import blocks
from tests.strategies import SCHEMA
from tools.kit.project import DOCUMENTS, ROOT

PORTUGUESE = ROOT / "README.pt-BR.md"


def test_both_readmes_have_the_same_commands() -> None:
    def commands(path: Path) -> list[str]:
        lines = "".join(block.text for block in blocks(path) if block.language == "sh").splitlines()
        return [line for line in (re.sub(r" *# .*", "", line) for line in lines) if line]

    assert commands(PORTUGUESE) == commands(ROOT / "README.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_bodies_in_documents_are_valid_punches(document: Path) -> None:
    for body in re.findall(r"-d '(.*?)'", document.read_text(encoding="utf-8"), re.DOTALL):
        Draft4Validator(SCHEMA).validate(json.loads(body))
