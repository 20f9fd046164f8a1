"""The drain while a session elsewhere holds a transaction open, as a forgotten psql does."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from lab.bench.drain import run
from lab.bench.events import chunks, event
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.proxy import Address
from lab.bench.server import Server

BATCH = 100

_LEAST = 0.95  # of the speed without


class OpenTransaction(NamedTuple):
    """The handler without such a session, and beside one."""

    asked_ms: float | None  # of a proxy, for a round trip; none is PostgreSQL's own socket
    without: Spread  # rows/s
    beside: Spread  # rows/s
    ratio: float  # the median of those of the rounds


def measure(server: Server, milliseconds: Sequence[float], punches: int, rounds: int) -> list[OpenTransaction]:
    """Time the handler in two databases in turn: one has a transaction open all the time, which has read the table.

    Nothing is removed between two runs, as in life; both tables grow alike.

    Args:
        server: the database.
        milliseconds: of a round trip, for each distance; without one, on PostgreSQL's own socket.
        punches: in each run, all new.
        rounds: how often.

    Raises:
        RuntimeError: a punch was not stored, the transaction did not last, or a proxy does not start.
    """
    databases = ("without", "beside")
    for database in databases:
        server.use(database)
    with ExitStack() as stack:
        ways: list[Address | None] = [None]
        if milliseconds:
            ways = [stack.enter_context(server.at(each)) for each in milliseconds]
        stack.enter_context(server.open_transaction("beside"))
        runs: list[dict[str, list[float]]] = [{database: [] for database in databases} for _ in ways]
        for round_ in range(rounds):
            for way, found in zip(ways, runs, strict=True):
                for database in databases if round_ % 2 else reversed(databases):
                    where = f"{way.milliseconds:g} ms, " if way else ""
                    status = f"open transaction: round {round_ + 1} of {rounds}, {where}{database}"
                    print(status, file=sys.stderr, flush=True)
                    server.use(database, way)
                    run(server, [[event(1)]])  # connects
                    before = server.rows()
                    server.ask("checkpoint")
                    found[database].append(punches / run(server, chunks(punches, BATCH)).seconds)
                    if server.rows() != before + punches:
                        raise RuntimeError(f"{server.rows() - before:,} of {punches:,} punches were stored")
    return [
        OpenTransaction(
            way.milliseconds if way else None,
            spread(found["without"]),
            spread(found["beside"]),
            spread(beside / without for without, beside in zip(found["without"], found["beside"], strict=True)).median,
        )
        for way, found in zip(ways, runs, strict=True)
    ]


def aims(found: Sequence[OpenTransaction]) -> list[Aim]:
    """Demand that such a session costs next to nothing."""
    return [
        Aim(f"speed beside an open transaction{_where(each)}, as a share of that without", _LEAST, each.ratio)
        for each in found
    ]


def show(found: Sequence[OpenTransaction]) -> str:
    """Lay out rows/s."""
    head = [f"rows/s, batches of {BATCH}", "without", "beside an open transaction", "ratio, median of the rounds"]
    rows = [[f"the handler{_where(each)}", str(each.without), str(each.beside), f"{each.ratio:.2f}"] for each in found]
    return table([head, *rows])


def _where(each: OpenTransaction) -> str:
    return "" if each.asked_ms is None else f" at {each.asked_ms:g} ms"
