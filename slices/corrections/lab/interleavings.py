"""Scenarios in which a correction runs concurrently with drains and reports."""

import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import psycopg2.errors

from lab.interleavings.programs import DrainProgram, Program
from lab.interleavings.scenario import Scenario, batch
from lab.interleavings.sessions import ScheduledSession
from lab.interleavings.world import World
from ponto.connection import connect
from slices.reports.lab.interleavings import ReportProgram

_INSERT_CORRECTION = """
insert into ponto.correcao (tipo, usuario_id, ponto, alvo, motivo)
values (
    case when %(alvo)s::uuid is null then 'inclusao' else 'desconsideracao' end,
    %(usuario_id)s, %(ponto)s, %(alvo)s::uuid, 'wrong'
)
"""
# An addition for an employee without any row would be refused.
_INSERT_EMPLOYEE = "insert into ponto.funcionario (usuario_id, nome) values (1, 'One') on conflict do nothing"


class CorrectionProgram:
    """Correction by a personal login, which is refused if its punch is not stored yet."""

    def __init__(self, **columns: object) -> None:
        """Set columns: `usuario_id` and `ponto` for an addition, `alvo` to disregard a punch."""
        self._columns = {"usuario_id": None, "ponto": None, "alvo": None} | columns

    def run(self, world: World, session: ScheduledSession) -> None:
        """Write the correction."""
        session.is_unscheduled = False
        with closing(connect(world.connection_parameters, "correct")) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            try:
                cursor.execute(_INSERT_CORRECTION, self._columns)
            except psycopg2.errors.CheckViolation:
                world.statuses["correction"] = "refused"
            else:
                world.statuses["correction"] = "written"

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:  # noqa: ARG002  part of the protocol
        """Return no programs."""
        return ()


SCENARIOS = {
    "correction": Scenario(
        "a drain of two batches, and a correction: one of the punches is disregarded",
        lambda: (
            DrainProgram(batch("a", 1), batch("b", 2)),
            CorrectionProgram(alvo=str(uuid.UUID(int=1))),
        ),
        setup_statement=_INSERT_EMPLOYEE,
    ),
    "correction, report": Scenario(
        "a report, and a correction that adds a punch",
        lambda: (
            ReportProgram(),
            CorrectionProgram(usuario_id=1, ponto=datetime(2026, 10, 1, 8, tzinfo=UTC)),
        ),
        setup_statement=_INSERT_EMPLOYEE,
    ),
}
