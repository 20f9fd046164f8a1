"""Blocks of documents: their commands, statements and code.

A block of commands is fenced as `sh` if a test runs it, and as `sh aws` if it needs an AWS account.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tools.kit.project import ROOT

FENCE = re.compile(r"^```(\w*)(?: +(\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block."""

    language: str
    mark: str  # the word after the language; empty: there is none
    text: str


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document."""
    return [Block(*match.groups(default="")) for match in FENCE.finditer(document.read_text(encoding="utf-8"))]


DERIVED_IDS = ROOT / "docs" / "derived-ids.md"


def derived_id_code(language: str) -> str:
    """Return the published code that derives ids in a programming language."""
    [code] = [block.text for block in blocks(DERIVED_IDS) if block.language == language]
    return code


def erasure_statement(document: Path, table: str) -> str:
    """Return the statement of a document that erases the example's employee from a table."""
    statements = [block.text for block in blocks(document) if block.language == "sql"]
    [statement] = [statement for statement in statements if re.search(rf"delete from ponto\.{table}\s", statement)]
    assert "usuario_id = 123" in statement
    return statement
