"""`make rows` with a real database."""

import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from ponto.punch import EVENT
from tests.commands import CommandResult, Run, write_stack_with_database
from tests.database import execute
from tests.postgres.storing import TEXTS, add_punch
from tools.kit.event import DISPLAYED_COLUMNS
from tools.kit.project import ROOT
from tools.local import postgres, rows

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


@pytest.mark.parametrize("columns", ["80", "500"])
def test_all_columns_of_the_event_are_shown(
    state: Path, migrated_url: str, run: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    add_punch(migrated_url, 7)

    words = run("--state", state).out.split()

    assert {*words} >= {*EVENT.row._fields, "waited"} - {*TEXTS}  # the name of a text may be wrapped


def test_database_that_refuses_connections_is_reported(state: Path, migrated_url: str, run: Run) -> None:
    name = parse_dsn(migrated_url)["dbname"]
    execute(make_dsn(migrated_url, dbname="postgres"), f"alter database {name} allow_connections false")

    refused = run("--state", state)

    assert (refused.status, refused.out) == (1, "")
    assert "the local stack runs, but its database does not answer: " in refused.err
    assert "is not currently accepting connections; repeat the command in a moment" in refused.err


def test_unresponsive_database_times_out(
    state: Path, migrated_url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "FETCH_SECONDS", 2)  # the shortest timeout of libpq
    with psycopg2.connect(migrated_url) as other, other.cursor() as cursor:
        cursor.execute("lock table batida")
        locked = run("--state", state)
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(state / ".s.PGSQL.5432"))
    with closing(silent):
        silent.listen()
        write_stack_with_database(state, f"postgresql://postgres@/pontodb?host={state}")
        frozen = run("--state", state)

    assert [locked.status, frozen.status] == [1, 1]
    assert "does not answer: canceling statement due to statement timeout; repeat" in locked.err
    assert "timeout expired; repeat" in frozen.err
