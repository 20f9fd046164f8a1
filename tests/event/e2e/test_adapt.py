"""The commands of docs/adapt.md create a fork that accepts orders instead of punches and has no slices.

`lab.fork` runs the page's commands (rm -r, echo, cp -R, git grep and xargs perl); `make fork` also runs the fork's
tests, including the end-to-end tests.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from lab import fork
from tests import documents
from tools.kit.project import ROOT

EXAMPLE = ROOT / "examples" / "orders" / "files"
ORDER = {"pedido": "A-17", "loja": 5, "criado": "2026-11-24T08:00:00-03:00", "totalCentavos": 1250}
PARSE = """
import sys
from datetime import UTC
from ponto.parser import parse
from tools.kit import slices
print(slices.enabled_manifests(), parse(sys.argv[1], UTC).total_centavos)
"""


def test_files_of_the_example_are_those_of_the_page_and_replace_existing_ones() -> None:
    table = fork.GUIDE.read_text(encoding="utf-8").partition("| file | what it says |")[2].partition("\n\n")[0]
    listed_files = set()
    for names in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([\w/.]+)`", names)
        listed_files |= {first, *(str(Path(first).with_name(other)) for other in others)}

    files = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file()}

    assert files == listed_files
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_page_shows_the_posted_order() -> None:
    assert json.dumps(ORDER) in fork.GUIDE.read_text(encoding="utf-8").replace("\n", " ")
    (example,) = [block.text for block in documents.blocks(EXAMPLE.parent / "README.md") if block.language == "json"]
    assert json.loads(example) == ORDER


def test_fork_parses_the_order_and_has_no_slices(tmp_path: Path) -> None:
    project = fork.copy_project(tmp_path / "project")

    fork.make_fork(project)

    command = [sys.executable, "-c", PARSE, json.dumps(ORDER)]
    output = subprocess.check_output(command, cwd=project, env=fork.get_environment(project), text=True)
    assert output == "() 1250\n"
