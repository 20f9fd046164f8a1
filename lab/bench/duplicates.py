"""What a batch costs whose punches are all in the table already, against a fresh one."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from lab.bench.drain import run
from lab.bench.events import chunks
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server

BATCH = 100


class Duplicates(NamedTuple):
    """Milliseconds a batch."""

    fresh: Spread
    again: Spread


def measure(server: Server, punches: int, rounds: int) -> Duplicates:
    """Time the handler with new punches, and with the same ones again.

    Args:
        server: the database.
        punches: in each round.
        rounds: how often.

    Raises:
        RuntimeError: a duplicate became a row.
    """
    server.use("duplicates")
    fresh, again = [], []
    for round_ in range(rounds):
        print(f"duplicates: round {round_ + 1} of {rounds}", file=sys.stderr, flush=True)
        server.empty()
        parts = list(chunks(punches, BATCH))
        batches = sum(map(len, parts))
        fresh.append(1000 * run(server, parts).seconds / batches)
        again.append(1000 * run(server, parts).seconds / batches)
        if server.rows() != punches:
            raise RuntimeError(f"{server.rows():,} rows of {punches:,} punches that came twice")
    return Duplicates(spread(fresh), spread(again))


def aims(found: Duplicates) -> list[Aim]:
    """Hold the second time against the first."""
    ratio = found.again.median / found.fresh.median
    return [Aim("time of a batch of duplicates, as a multiple of a fresh one", 1.0, ratio, at_most=True)]


def show(found: Sequence[Spread]) -> str:
    """Lay out milliseconds a batch."""
    rows = [
        [name, *(f"{value:.2f}" for value in times)]
        for name, times in zip(("fresh", "all duplicates"), found, strict=True)
    ]
    return table([[f"ms a batch of {BATCH}", "median", "least", "most"], *rows])
