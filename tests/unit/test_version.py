"""The version stands in one place, `ponto/__init__.py`; everywhere else it is the same."""

import re

from ponto import __version__
from tests.commands import run_process
from tools.kit.project import ROOT


def test_the_command_says_it_as_it_is_written() -> None:
    run = run_process("--version")
    assert (run.status, run.out) == (0, f"ponto {__version__}\n")


def test_the_newest_version_of_the_changelog_is_this_one_and_each_has_a_date() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = [
        heading for heading in re.findall(r"^## \[(.*)\](.*)$", text, re.MULTILINE) if heading[0] != "Unreleased"
    ]
    assert headings[0][0] == __version__
    assert [date for _, date in headings if not re.fullmatch(r" - \d{4}-\d\d-\d\d", date)] == []
