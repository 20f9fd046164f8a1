"""A report among programs that write: all of it is of one instant."""

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
from slices.reports.report import peak, queries, timecard

_MONTH = date(2026, 10, 1)
_FROM, _TO = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)


class Reporting:
    """Time cards and the peak of a day, read in one go."""

    def run(self, world: World, session: Session) -> None:
        """Read them."""
        session.is_open = False
        with closing(connect(world.way, "report")) as connection, queries.opened(connection) as reports:
            days = [day for card in timecard.read(reports, _MONTH) for day in card.dias]
            in_peak = sum(minute.recebidas for minute in peak.read(reports, _FROM, _TO)[0])
        on_cards = sum(day.batidas for day in days)
        added = sum(1 if one.tipo == "inclusao" else -1 for day in days for one in day.correcoes)
        world.read.append(f"{on_cards} punches on time cards, {added} by corrections, {in_peak} in the peak")
        if on_cards - added != in_peak:
            world.troubles.append(f"a report is of two instants: {world.read[-1]}")

    def after(self, world: World, session: Session) -> Sequence[Program]:  # noqa: ARG002  as of every program
        """Give nothing."""
        return ()


class _EachStatementItsOwn(Planted):
    what = "a report whose statements each see another instant"

    def settings(self, named: dict[str, Any]) -> dict[str, Any]:
        return named | {"isolation_level": ISOLATION_LEVEL_READ_COMMITTED}


SCENARIOS = {
    "report": Scenario(
        "a report, and a drain of three batches",
        lambda: (Reporting(), Draining(batch("a", 1), batch("b", 2), batch("c", 3))),
    ),
}
PLANTED: dict[str, Planted] = {"snapshot": _EachStatementItsOwn()}
