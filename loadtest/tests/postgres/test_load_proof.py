"""Rows that the load test's proof reads, through the function `read`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest import proof
from ponto.punch import EVENT
from tests.commands import write_stack_with_database
from tests.functions import stub_functions
from tests.postgres.storing import add_punch
from tools.kit import event, reader
from tools.kit.target import TargetOptions

NOW = datetime.now(UTC)


@pytest.fixture
def table(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> proof.RunTable:
    stub_functions(monkeypatch, migrated_url)
    target_options = TargetOptions(state=write_stack_with_database(tmp_path, migrated_url))
    return proof.RunTable(reader.create_reader(target_options), round(NOW.timestamp() * 1000))


def test_rows_of_a_run_are_those_with_its_ids(
    table: proof.RunTable, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (table.count(), table.rows()) == (0, [])
    monkeypatch.setattr(proof, "_MAX_ROWS_PER_READ", 2)
    ids = [f"{table.id_prefix}-7000-8000-00000000000{number}" for number in range(5)]
    for number, id_ in enumerate(ids):
        add_punch(migrated_url, number + 1, NOW, id=id_)
    add_punch(migrated_url, 6, NOW + timedelta(seconds=1))

    assert table.count() == 5
    rows = table.rows()
    assert [row.key for row in rows] == ids
    assert all(row.punch == (row.key, row.punch.employee_id, None) for row in rows)
    assert all(row.stored_at and abs(row.stored_at - NOW) < timedelta(minutes=5) for row in rows)


def test_punch_that_is_stored_again_with_another_id_is_repeated(table: proof.RunTable, migrated_url: str) -> None:
    id_ = f"{table.id_prefix}-7000-8000-000000000000"
    for columns in ({"id": id_}, {}, {EVENT.subject: event.subject(2)}):
        add_punch(migrated_url, 1, NOW, **columns)

    assert [row.key for row in table.rows()] == [id_, id_]
