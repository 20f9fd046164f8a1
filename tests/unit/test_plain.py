"""First words of docstrings, and names of constants (CONTRIBUTING.md, *Style*)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.kit.project import ROOT

FOLDERS = ("ponto", "slices", "tools", "loadtest", "lab", "examples", "tests")
VAGUE_VERB = re.compile(r"(Gives?|Tells?|Says?|Whether|Let|Have|Has|Takes? its|Calls? nobody)\b")
RELATIVE_WORD = re.compile(r"(What|How|Where|When|Why|Which|Who|Whose|Of)\b")
VAGUE_CONSTANT = re.compile(r"_?([A-Z\d]+_)*(MOST|LARGEST|LONGEST|LEAST|SMALLEST|SHORTEST)(_[A-Z\d]+)*|_?[A-Z\d_]+_S")


def find_violations(path: Path) -> Iterator[str]:
    """Yield the docstrings of a file with an unsuitable first word, and unsuitable names of constants."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            if VAGUE_VERB.match(docstring) or RELATIVE_WORD.match(docstring):
                yield docstring.splitlines()[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and VAGUE_CONSTANT.fullmatch(node.id):
            yield node.id


@pytest.mark.parametrize("folder", FOLDERS)
def test_first_words_of_docstrings_and_names_of_constants_are_standard(folder: str) -> None:
    violations = {str(path.relative_to(ROOT)): list(find_violations(path)) for path in (ROOT / folder).rglob("*.py")}
    assert {name: lines for name, lines in violations.items() if lines} == {}
