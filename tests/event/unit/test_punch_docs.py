"""The documents' descriptions of a punch's fields agree with the schema."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from tests.documents import blocks, split_commands
from tests.strategies import FIELDS, SCHEMA
from tools.kit.project import DOCUMENTS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PORTUGUESE = ROOT / "README.pt-BR.md"


def test_changelog_names_every_field_that_the_first_version_lacked() -> None:
    assert {f"`{name}`" for name in FIELDS.keys() - {"usuarioId", "ponto"}} <= set(
        re.findall(r"`\w+`", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    )


def test_both_readmes_have_the_same_commands() -> None:
    def commands(path: Path) -> list[str]:
        return [line for block in blocks(path) if block.language == "sh" for line in split_commands(block.text)]

    assert commands(PORTUGUESE) == commands(ROOT / "README.md")


def test_both_readmes_have_the_same_contract() -> None:
    """Both READMEs have the same sample body, fields with types and limits, and responses."""

    def contract(text: str) -> object:
        part = text.partition("x-api-key`:\n")[2].partition("\n## ")[0]
        fields = re.findall(r"^\| `(\w+)` \| (\w+).*? \| (.*) \|$", part, re.MULTILINE)
        return (
            re.findall(r"^\{.*\}$", part, re.MULTILINE),
            [(name, field_type, re.findall(r"-?\d+", rule)) for name, field_type, rule in fields],
            re.findall(r"^\| (\dxx|\d{3})( `.*?`)? \|", part, re.MULTILINE),
        )

    assert contract(PORTUGUESE.read_text(encoding="utf-8")) == contract(README)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_bodies_in_documents_are_valid_punches(document: Path) -> None:
    for body in re.findall(r"-d '(.*?)'", document.read_text(encoding="utf-8"), re.DOTALL):
        Draft4Validator(SCHEMA).validate(json.loads(body))
