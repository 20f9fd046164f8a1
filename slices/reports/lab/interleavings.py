"""Scenario of a report that runs between drains: the whole report must show one instant."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import Any

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from lab.interleavings.mutants import StatementMutant
from lab.interleavings.programs import DrainProgram, Program
from lab.interleavings.scenario import Scenario, batch
from lab.interleavings.sessions import ScheduledSession
from lab.interleavings.world import World
from ponto.connection import connect
from slices.reports.report import report_context, timecard

_MONTH = date(2026, 10, 1)


class ReportProgram:
    """Program that reads the time cards twice in one report."""

    def run(self, world: World, session: ScheduledSession) -> None:
        """Read the time cards twice, and compare their numbers of punches."""
        session.is_unscheduled = False
        with (
            closing(connect(world.connection_parameters, "report")) as connection,
            report_context.open_connection_context(connection) as context,
        ):
            first, second = (
                sum(day.batidas for card in timecard.read_cards(context, _MONTH) for day in card.dias) for _ in range(2)
            )
        world.report_results.append(f"{first} punches on time cards, {second} when they are read again")
        if first != second:
            world.failures.append(f"a report shows two instants: {world.report_results[-1]}")

    def follow_ups(self, world: World, session: ScheduledSession) -> Sequence[Program]:  # noqa: ARG002  part of the protocol
        """Return no programs."""
        return ()


class _SnapshotPerStatement(StatementMutant):
    description = "a report whose statements each see a different instant"

    def settings(self, named: dict[str, Any]) -> dict[str, Any]:
        return named | {"isolation_level": ISOLATION_LEVEL_READ_COMMITTED}


SCENARIOS = {
    "report": Scenario(
        "a report beside a drain of three batches",
        lambda: (ReportProgram(), DrainProgram(batch("a", 1), batch("b", 2), batch("c", 3))),
    ),
}
MUTANTS: dict[str, StatementMutant] = {"snapshot": _SnapshotPerStatement()}
