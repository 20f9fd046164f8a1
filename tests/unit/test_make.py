"""What `make help` says, and what `make test` and `make run` say where programs are missing."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import missing
from tools.kit.local_stack import ROOT
from tools.local import __main__ as local


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that is all of the path, and empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


def add(programs: Path, *names: str) -> None:
    for name in names:
        (programs / name).touch(mode=0o755)


def test_help_lists_each_target_with_what_it_needs_and_commands_that_work_here() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = subprocess.check_output(["make", "-C", ROOT, "--no-print-directory", "help"], text=True)

    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert set(targets) - set(re.findall(r"^  make ([a-z-]+)", shown, re.MULTILINE)) == {"missing"}  # a part of `test`
    assert "python -m" not in shown
    assert re.search(r"^  make rows .*\n +needs make run", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            [],
            [
                "missing here:       Chromium, Java with Maven",
                "to get it:          apt-get install chromium maven",
                "not tested without: the employees' page, printed reports, the load test",
            ],
        ),
        (
            ["chromium", "java"],
            [
                "missing here:       Java with Maven",
                "to get it:          apt-get install maven",
                "not tested without: the load test",
            ],
        ),
        (["google-chrome", "java", "mvn"], []),
    ],
)
def test_what_is_missing_is_said_in_three_lines(there: list[str], said: list[str], programs: Path) -> None:
    add(programs, *there)

    assert missing.lines(missing.look(), "linux") == said


@pytest.mark.parametrize(("there", "offered"), [(["java", "mvn"], True), (["java"], False), (["mvn"], False)])
def test_a_load_test_is_offered_where_it_can_be_run(
    there: list[str], offered: bool, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(programs, *there)
    address = SimpleNamespace(curl=str, **dict.fromkeys(("page_url", "api_key", "api_url", "database_url"), ""))
    address.aws_endpoint_url = address.aws_access_key_id = ""
    stack: Any = SimpleNamespace(address=address, aws=SimpleNamespace(log=""))

    local._greet(stack, programs)

    shown = capsys.readouterr().out
    assert ("  make loadtest" in shown) is offered
    assert "  make chaos" in shown
