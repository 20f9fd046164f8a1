"""The drain as `drain` has it, with the database at a distance: each statement waits for a round trip."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from lab.bench import drain, peers
from lab.bench.drain import PEERS, Drain, Run
from lab.bench.events import event
from lab.bench.measure import Aim, table
from lab.bench.server import Server

BATCHES = (10, 100)  # the original's own, and the handler's

_AURORA = 0.5  # ms, to another availability zone of the region
_AIMS = (("original", 10, 60.0), ("copy", 100, 0.75))
_SHARE = 0.05  # of the punches for the peers that insert row by row: each of their statements waits for a round trip
_STATEMENTS = 100  # to measure the round trip by, in each round


class Distance(NamedTuple):
    """All peers at a distance."""

    asked_ms: float  # of the proxy, for a round trip
    round_trip_ms: float  # what `select 1` takes, the median
    drains: list[Drain]


def measure(
    server: Server, milliseconds: Sequence[float], batches: Sequence[int], punches: int, rounds: int
) -> list[Distance]:
    """Time each peer at each distance and batch size, all taking turns.

    Args:
        server: the database.
        milliseconds: of a round trip, for each distance.
        batches: punches in an event.
        punches: for each peer, in each round, at the largest batch size, all new; at the others as many batches. Those
            that insert row by row take a share, at each size.
        rounds: how often.

    Raises:
        RuntimeError: somebody did not store all, or a proxy does not start.
    """
    counts = {
        (name, batch): int(punches * (batch / max(batches) if peer.share == 1 else _SHARE))
        for batch in batches
        for name, peer in PEERS.items()
    }
    runs: list[dict[tuple[str, int], list[Run]]] = [{turn: [] for turn in counts} for _ in milliseconds]
    trips: list[list[float]] = [[] for _ in milliseconds]
    with ExitStack() as stack:
        ways = [stack.enter_context(server.at(each)) for each in milliseconds]
        for round_ in range(rounds):
            for way, its_runs, its_trips in zip(ways, runs, trips, strict=True):
                server.use("distance", way)
                its_trips += _round_trips()
                for peer in PEERS.values():  # connects those that keep a connection, once for all their batches
                    drain.run(server, [[peer.prepare(event(1))]], peer.main)
                status = f"distance: round {round_ + 1} of {rounds}, {way.milliseconds:g} ms"
                drain.take_turns(server, its_runs, counts, status)
    return [
        Distance(asked, statistics.median(its_trips), drain.summaries(its_runs, counts))
        for asked, its_runs, its_trips in zip(milliseconds, runs, trips, strict=True)
    ]


def aims(found: Sequence[Distance]) -> list[Aim]:
    """Hold the handler against its peers where an Aurora stands, if that was measured."""
    return [
        aim
        for distance in found
        if distance.asked_ms == _AURORA
        for aim in drain.aims(distance.drains, _AIMS, f"at {distance.asked_ms:g} ms, ")
    ]


def show(found: Sequence[Distance]) -> str:
    """Lay out, for each distance, what `drain` does, and the handler's speed as a multiple of each peer's."""
    return "\n\n".join(_show(distance) for distance in found)


def _show(distance: Distance) -> str:
    batches = sorted({each.batch for each in distance.drains})
    rows = [["the handler, as a multiple of", *(f"both at {batch:,} a batch" for batch in batches)]]
    for name in (name for name in PEERS if name != "ours"):
        multiples = [drain.multiple_of(distance.drains, name, batch, ours_at=batch) for batch in batches]
        rows.append([f"`{name}`", *("" if each is None else f"{each:,.2f}" for each in multiples)])
    parts = [
        f"A round trip of {distance.asked_ms:g} ms (`select 1` takes {distance.round_trip_ms:.2f} ms):",
        drain.show(distance.drains),
        table(rows),
    ]
    headline = drain.multiple_of(distance.drains, "original", 10, ours_at=100)
    if headline is not None:
        parts.append(f"The handler at 100 a batch stores {headline:,.1f} times what the original does at its own 10.")
    return "\n\n".join(parts)


def _round_trips() -> list[float]:
    """Time some statements that do nothing; return milliseconds of each."""
    found = []
    with peers.connection().cursor() as cursor:
        for _ in range(_STATEMENTS):
            began = time.perf_counter()
            cursor.execute("select 1")
            found.append(1000 * (time.perf_counter() - began))
    return found
