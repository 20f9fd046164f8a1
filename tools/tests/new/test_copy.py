"""Whole copies of this project, for an event with usual names and for ones with the shortest and the longest names."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.commands import runner
from tests.documents import FENCE
from tools.develop.new import command
from tools.develop.new.copying import is_test_of_tools
from tools.kit.project import ROOT

ORDER = (ROOT / "examples" / "orders" / "order.py").read_text(encoding="utf-8")
NAMES: Mapping[str, Mapping[str, str]] = {
    "usual": {},
    "short": {
        "Order": "Pin",
        '"order"': '"pin"',
        '"orders"': '"pins"',
        '"shop"': '"van"',
        '"shops"': '"vans"',
        "shop-orders": "gps",
        "/orders": "/pin",
        'table="pedidos"': 'table="pin"',
        'plural_pt="pedidos",': "",
    },
    "long": {
        "Order": "Pneumonoultramicroscopicseries",
        '"order"': '"pneumonoultramicroscopicseries"',
        '"orders"': '"pneumonoultramicroscopicserial"',
        '"shop"': '"immunoelectrophoreticallyshown"',
        '"shops"': '"immunoelectrophoreticallyseens"',
        "shop-orders": "pneumonoultramicroscopic-lists",
        "/orders": "/pneumonoultramicroscopicseries",
        'table="pedidos"': 'table="medicoes_de_pneumonoultramicroscopicas_x"',
    },
}
SLICES = {"short": "receipts,imports", "long": "receipts,imports"}
"""Slices that a copy keeps, by the kind of its names."""
ORIGIN = re.compile(
    r"punch|batida|(?<![a-z])ponto|employee|usuario_?id|relogio|time.clock|clock(s|ed|ing)? (in|out)\b", re.IGNORECASE
)
"""Words about punches and time clocks. `clock` alone is allowed, because it also means the clock of a computer."""
MISSING = re.compile(
    r"(?<![\w/-])lab/|\bmake (chaos|simulate|bench|pictures|new)\b"
    r"|docs/(adapt|original|pictures)|pt-BR\.md"
)
"""Files, folders and targets that only the origin has."""
PATH = re.compile(r"(?<![\w/.*-])(?:docs|loadtest|tests|tools)/[\w/-]+\.(?:js|md|py|yml)\b")
"""Path of a file that a text names."""
LINK = re.compile(r"(?:\]\(|<img src=\")([^()\s\"#]+)")
FILES_ABOUT_THE_ORIGIN = {"LICENSE", "docs/origin.md"}
"""Files that may name the origin."""


class Copy:
    """A repository that `make new` generated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of each file that has a text."""
        for path in subprocess.check_output(["git", "ls-files"], cwd=self.folder, text=True).splitlines():
            try:
                yield path, (self.folder / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue

    def run(self, *words: str) -> str:
        """Run a program in the copy; return its output."""
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        run = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return run.stdout + run.stderr


@pytest.fixture(params=NAMES)
def copy(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Copy:
    """Return a copy of the last commit."""
    declaration = ORDER
    for old, new in NAMES[request.param].items():
        declaration = declaration.replace(old, new)
    (tmp_path / "event.py").write_text(declaration, encoding="utf-8")
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Owner")
        monkeypatch.setenv(f"{name}_EMAIL", "owner@localhost")
    result = runner(capsys, main=command.main)(
        tmp_path / "copy", "--event", tmp_path / "event.py", "--slices", SLICES.get(request.param, ""), "--json"
    )
    assert result.status == 0, result.err
    return Copy(tmp_path / "copy")


def test_copy_names_only_its_event_has_no_dead_link_and_is_formatted(copy: Copy) -> None:
    places = [
        f"{path}: {line.strip()[:120]}"
        for path, text in copy.files()
        if path not in FILES_ABOUT_THE_ORIGIN
        for line in (path, *text.splitlines())
        if ORIGIN.search(line) or MISSING.search(line)
    ]
    paths = {path for path, _ in copy.files()}
    named = {
        name: path for path, text in copy.files() if path not in FILES_ABOUT_THE_ORIGIN for name in PATH.findall(text)
    }
    missing = {name: path for name, path in named.items() if name not in paths and not is_test_of_tools(name)}
    dead_links = [
        (path, link)
        for path, text in copy.files()
        if path.endswith(".md")
        for link in LINK.findall(FENCE.sub("", text))
        if ":" not in link and not (copy.folder / path).parent.joinpath(unquote(link)).exists()
    ]

    assert places == []
    assert missing == {}
    assert dead_links == []
    assert copy.run("ruff", "check", "--no-cache", ".") == "All checks passed!\n"
    assert "would reformat" not in copy.run("ruff", "format", "--check", "--no-cache", ".")
