"""Rows that the load test's proof reads, through the function `read`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest import proof
from tests.commands import write_stack_with_database
from tests.functions import stub_functions
from tests.postgres.storing import add_punch
from tools.kit import reader
from tools.kit.target import TargetOptions

FIRST = 7_000_000_000_000_000


@pytest.fixture
def table(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> proof.RunTable:
    stub_functions(monkeypatch, migrated_url)
    target_options = TargetOptions(state=write_stack_with_database(tmp_path, migrated_url))
    return proof.RunTable(reader.create_reader(target_options), FIRST)


def test_rows_of_a_run_are_those_of_its_employees_since_its_start(
    table: proof.RunTable, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (table.count(), table.rows()) == (0, [])
    monkeypatch.setattr(proof, "_MAX_EMPLOYEES_PER_READ", 2)
    now = datetime.now(UTC)
    for employee in (FIRST, FIRST + 1, FIRST + 4):
        add_punch(migrated_url, employee, now)
    add_punch(migrated_url, FIRST + 4, now + timedelta(seconds=1))
    for other in (FIRST - 1, FIRST + proof.EMPLOYEES_PER_RUN):
        add_punch(migrated_url, other, now)
    add_punch(migrated_url, FIRST, now - timedelta(days=8))  # of an earlier run

    assert table.count() == 4
    rows = table.rows()
    assert [row.punch.employee_id - FIRST for row in rows] == [0, 1, 4, 4]
    assert all(row.punch == (row.key, row.punch.employee_id, None) for row in rows)
    assert all(row.stored_at and abs(row.stored_at - now) < timedelta(minutes=5) for row in rows)
