"""docs/adapt.md, done: a fork takes orders in the place of punches, without any slice.

`lab.fork` runs the page's commands (rm -r, echo, cp -R, git grep and xargs perl), `make fork` the fork's tests, the
end-to-end ones too.
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


def test_the_example_has_the_files_that_the_page_names_and_each_replaces_one() -> None:
    table = fork.PAGE.read_text(encoding="utf-8").partition("| file | what it says |")[2].partition("\n\n")[0]
    named = set()
    for names in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([\w/.]+)`", names)
        named |= {first, *(str(Path(first).with_name(other)) for other in others)}

    there = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file()}

    assert there == named
    assert [name for name in there if not (ROOT / name).exists()] == []


def test_the_page_shows_the_order_that_is_posted() -> None:
    assert json.dumps(ORDER) in fork.PAGE.read_text(encoding="utf-8").replace("\n", " ")
    (shown,) = [block.text for block in documents.blocks(EXAMPLE.parent / "README.md") if block.language == "json"]
    assert json.loads(shown) == ORDER


def test_the_pages_commands_make_a_fork_that_reads_the_order_and_has_no_slice(tmp_path: Path) -> None:
    project = fork.copy_project(tmp_path / "project")

    fork.make_fork(project)

    words = [sys.executable, "-c", PARSE, json.dumps(ORDER)]
    read = subprocess.check_output(words, cwd=project, env=fork.copy_environment(project), text=True)
    assert read == "() 1250\n"
