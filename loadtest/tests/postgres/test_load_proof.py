"""Rows that the load test's proof reads, by a direct connection and by the function `read`."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from loadtest import proof
from tests.aws import Calls
from tests.commands import write_stack_with_database
from tests.functions import Functions
from tests.postgres.storing import add_punch
from tools.kit import reader
from tools.kit.target import TargetOptions

FIRST = 7_000_000_000_000_000


@pytest.fixture(params=["direct", "function"])
def table(
    request: pytest.FixtureRequest, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> proof.RunTable:
    if request.param == "direct":
        target_options = TargetOptions(state=write_stack_with_database(tmp_path, migrated_url))
        return proof.RunTable(lambda: reader.open_reader(target_options), FIRST)
    Calls(monkeypatch).stubs["Invoke"] = Functions(migrated_url, "ponto_reader").invoke
    return function_table()


def function_table() -> proof.RunTable:
    functions = boto3.Session("x", "x", region_name="us-east-1").client("lambda")
    return proof.RunTable(
        lambda: nullcontext(reader.FunctionReader(functions, "batida-ponto-local-read", "local", 60)), FIRST
    )


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
