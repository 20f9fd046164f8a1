"""Scenario of a report that runs between drains: the whole report must show one instant."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from lab.interleavings.planted import Planted
from lab.interleavings.programs import Draining, Program
from lab.interleavings.scenario import Scenario, batch
from lab.interleavings.sessions import Session
from lab.interleavings.world import World
from ponto.connection import connect
from slices.reports.report import peak, report_context, timecard

_MONTH = date(2026, 10, 1)
_PEAK_START, _PEAK_END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)


class Reporting:
    """Program that reads time cards and the peak of a day in one report."""

    def run(self, world: World, session: Session) -> None:
        """Read the report, and compare its two parts."""
        session.is_open = False
        with (
            closing(connect(world.way, "report")) as connection,
            report_context.open_connection_context(connection) as context,
        ):
            days = [day for card in timecard.read_cards(context, _MONTH) for day in card.dias]
            peak_punches = sum(minute.recebidas for minute in peak.read_minutes(context, _PEAK_START, _PEAK_END)[0])
        card_punches = sum(day.batidas for day in days)
        net_corrections = sum(
            1 if correction.tipo == "inclusao" else -1 for day in days for correction in day.correcoes
        )
        world.read.append(
            f"{card_punches} punches on time cards, {net_corrections} by corrections, {peak_punches} in the peak"
        )
        if card_punches - net_corrections != peak_punches:
            world.troubles.append(f"a report shows two instants: {world.read[-1]}")

    def after(self, world: World, session: Session) -> Sequence[Program]:  # noqa: ARG002  part of the protocol
        """Return no programs."""
        return ()


class _SnapshotPerStatement(Planted):
    what = "a report whose statements each see another instant"

    def settings(self, named: dict[str, Any]) -> dict[str, Any]:
        return named | {"isolation_level": ISOLATION_LEVEL_READ_COMMITTED}


SCENARIOS = {
    "report": Scenario(
        "a report beside a drain of three batches",
        lambda: (Reporting(), Draining(batch("a", 1), batch("b", 2), batch("c", 3))),
    ),
}
PLANTED: dict[str, Planted] = {"snapshot": _SnapshotPerStatement()}
