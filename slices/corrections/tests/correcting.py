"""A database with corrections, and histories of punches and corrections, for the tests of this slice."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import strategies as st

from slices.reports.tests import reporting
from slices.reports.tests.reporting import HOUR, MINUTE, EmployeePunches, parse_instant

GOLDEN = Path(__file__).parent / "golden"
CORRECTIONS_SQL = (GOLDEN / "corrections.sql").read_text(encoding="utf-8")
"""Corrections of one day of the reports' fictitious company."""


class CorrectionsDatabase(reporting.ReportDatabase):
    """A migrated database with a method that stores corrections."""

    def correct(
        self,
        usuario_id: int,
        tipo: str,
        *,
        at: str | datetime | None = None,
        alvo: str | None = None,
        written: str | datetime,
        id_: str | None = None,
    ) -> str:
        """Store a correction without applying the rules; return its id.

        Times as text are local times of the stage.
        """
        id_ = id_ or correction_id(uuid.uuid4().int)
        instants = [parse_instant(each) if isinstance(each, str) else each for each in (at, written)]
        self.execute(
            "set session_replication_role = replica;"  # no trigger
            "insert into ponto.correcao (id, usuario_id, tipo, ponto, alvo, motivo, autor, criada_em)"
            " values (%s, %s, %s, %s, %s, 'forgotten', 'ana', %s);"
            "set session_replication_role = origin",
            *(id_, usuario_id, tipo, instants[0], alvo, instants[1]),
        )
        return id_


def correction_id(number: int) -> str:
    """Return a valid id of a correction."""
    return f"c0000000-0000-8000-8000-{number % 16**12:012x}"


@pytest.fixture
def database(migrated_url: str) -> Iterator[CorrectionsDatabase]:
    """Return a migrated database without punches."""
    with closing(CorrectionsDatabase(migrated_url)) as database:
        yield database


class HistoryRow(NamedTuple):
    """A row of batida or correcao, for employee 1."""

    at: datetime  # when it was written; meaningless for kind "primeira"
    kind: str  # batida, primeira (a punch without recebida_em, as the first version wrote it), or a tipo of correcao
    id: str
    ponto: datetime | None
    alvo: str | None


@st.composite
def histories(
    draw: st.DrawFn, employee_punches: st.SearchStrategy[EmployeePunches]
) -> tuple[EmployeePunches, list[HistoryRow], datetime]:
    """Draw an employee's zone and cut-off, rows of punches and corrections, and an instant.

    One row is written each hour. The instant is on the hour, or a minute before.
    """
    zone, cutoff, punches = draw(employee_punches)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows: list[HistoryRow] = []
    while True:
        targets: dict[str, list[str]] = {
            "desconsideracao": [row.id for row in rows if row.ponto],
            "anulacao": [row.id for row in rows if row.kind in ("inclusao", "desconsideracao")],
        }
        kinds = [
            *(["batida", "primeira", "inclusao"] if punches else ["end"]),
            *(kind for kind, ids in targets.items() if ids),
        ]
        kind = draw(st.sampled_from(kinds))
        if kind == "end":
            break
        alvo = draw(st.sampled_from(targets[kind])) if kind in targets else None
        ponto = None if alvo else punches.pop()
        number = len(rows)
        id_ = str(uuid.UUID(int=number)) if kind in ("batida", "primeira") else correction_id(number)
        rows.append(HistoryRow(start + number * HOUR, kind, id_, ponto, alvo))
    return (zone, cutoff, []), rows, start + draw(st.integers(0, len(rows))) * HOUR - draw(st.integers(0, 1)) * MINUTE


def store(database: CorrectionsDatabase, rows: list[HistoryRow]) -> None:
    """Insert rows of batida and correcao."""
    for row in rows:
        if row.kind in ("batida", "primeira"):
            database.execute(
                "insert into ponto.batida (id, usuario_id, ponto, recebida_em, gravada_em) values (%s, 1, %s, %s, %s)",
                *(row.id, row.ponto, None if row.kind == "primeira" else row.at, row.at),
            )
        else:
            database.correct(1, row.kind, at=row.ponto, alvo=row.alvo, written=row.at, id_=row.id)


def counted_punches(rows: Iterable[HistoryRow], instant: datetime | None) -> list[datetime]:
    """Return the punches that count as of an instant (None: now)."""
    visible = [row for row in rows if instant is None or row.kind == "primeira" or row.at <= instant]
    undone = {row.alvo for row in visible if row.kind == "anulacao"}
    disregarded = {row.alvo for row in visible if row.kind == "desconsideracao" and row.id not in undone}
    return [row.ponto for row in visible if row.ponto and row.id not in undone | disregarded]
