"""`make rows` with a real database."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandResult, Run, write_stack_with_database
from tests.database import execute
from tests.postgres.storing import TEXTS, add_punch
from tools.kit import event
from tools.kit.event import DISPLAYED_COLUMNS
from tools.kit.project import ROOT
from tools.local import rows

LONG = "a device whose name has sixty-four characters, which is the most"

CHECK_OF_COLUMN = """
select conname from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any(conkey)
where conrelid = 'ponto.batida'::regclass and contype = 'c' and attname = %s
"""


@pytest.mark.parametrize("column", [name for name in DISPLAYED_COLUMNS if name in TEXTS])
def test_device_is_shown_completely_and_without_control_characters(
    migrated_url: str, tmp_path: Path, column: str
) -> None:
    [(check,)] = execute(migrated_url, CHECK_OF_COLUMN, column)  # which refuses some of these names
    execute(migrated_url, f'alter table batida drop constraint "{check}"')
    for text in ("\u009b2J\u202eab", "gate", LONG):
        columns: dict[str, Any] = {column: text}
        add_punch(migrated_url, 7, **columns)
    write_stack_with_database(tmp_path, migrated_url)

    output = subprocess.run(
        [sys.executable, "-m", "tools.local.rows", "--state", tmp_path],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "?2J?ab" in output
    assert output.replace("\n", "").isprintable()
    assert re.search(rf"  {LONG}( |$)", output, re.MULTILINE)


@pytest.fixture
def state(migrated_url: str, tmp_path: Path) -> Path:
    """Return the state folder of a running stack without rows."""
    return write_stack_with_database(tmp_path, migrated_url)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *words: CommandResult(rows.main([str(word) for word in words]), *capsys.readouterr())


def test_subject_and_time_of_a_row_are_shown(
    state: Path, migrated_url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    add_punch(migrated_url, 7)

    head, row, _ = run("--state", state).out.splitlines()

    assert head.split() == ["id", "waited", *DISPLAYED_COLUMNS]
    assert f" {event.subject(7)} " in row
