"""Docstrings and constants begin with the field's usual words (CONTRIBUTING.md, *Style*)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.kit.project import ROOT

FOLDERS = ("ponto", "slices", "tools", "loadtest", "lab", "examples", "tests")
NO_VERB = re.compile(r"(Gives?|Tells?|Says?|Whether|Let|Have|Has|Takes? its|Calls? nobody)\b")
NO_NOUN = re.compile(r"(What|How|Where|When|Why|Which|Who|Whose|Of)\b")
NO_LIMIT = re.compile(r"_?([A-Z\d]+_)*(MOST|LARGEST|LONGEST|LEAST|SMALLEST|SHORTEST)(_[A-Z\d]+)*|_?[A-Z\d_]+_S")


def find(path: Path) -> Iterator[str]:
    """Yield each docstring of a file that begins with another word, and each constant named for no unit or limit."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            if NO_VERB.match(docstring) or NO_NOUN.match(docstring):
                yield docstring.splitlines()[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and NO_LIMIT.fullmatch(node.id):
            yield node.id


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_begin_with_a_verb_or_noun_and_constants_name_limits(folder: str) -> None:
    found = {str(path.relative_to(ROOT)): list(find(path)) for path in (ROOT / folder).rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}
