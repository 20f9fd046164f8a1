"""The version stands in one place, `ponto/__init__.py`; everywhere else it is the same."""

import json
import re
import subprocess
import sys

from ponto import __version__
from tests.commands import run_process
from tools.develop.docs import openapi, versions
from tools.kit.project import ROOT


def test_it_is_semantic_and_python_knows_it_too() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-rc\.\d+)?", __version__)
    words = [sys.executable, "-m", "hatchling", "metadata", "version"]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert built == __version__.replace("-rc.", "rc")


def test_nodes_files_and_the_description_of_the_api_have_it() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    described = json.loads(openapi.FILE.read_text(encoding="utf-8"))["info"]
    found = [each["version"] for each in (package, locked, locked["packages"][""], described)]
    assert found == [__version__] * 4, "make docs writes it"


def test_make_docs_changes_it_and_no_packages_version() -> None:
    for path, text in versions.files("9.8.7-rc.6").items():
        assert text.replace("9.8.7-rc.6", __version__) == path.read_text(encoding="utf-8")
        assert json.loads(text)["version"] == "9.8.7-rc.6"


def test_the_command_says_it_as_it_is_written() -> None:
    done = run_process("--version")
    assert (done.status, done.out) == (0, f"ponto {__version__}\n")


def test_the_newest_version_of_the_changelog_is_this_one_and_each_has_a_date() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = [found for found in re.findall(r"^## \[(.*)\](.*)$", text, re.MULTILINE) if found != ("Unreleased", "")]
    assert released[0][0] == __version__
    assert [date for _, date in released if not re.fullmatch(r" - \d{4}-\d\d-\d\d", date)] == []
