"""What the index of devices' numbers costs the drain: punches with a number, without one, and with one but no index."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lab.bench.drain import run
from lab.bench.events import Event, NewId, chunks, event, uuid4
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server

BATCH = 100
DEVICES = 500

_INDEX = "batida_dispositivo_sequencia_idx"
_KINDS = {"a number, the index": "numbers", "a number, no index": "numbers_without_index", "no number": "numbers"}


class Numbers(NamedTuple):
    """One kind of punches."""

    kind: str
    rows_per_second: Spread
    cpu: Spread  # us a row, of this process and of all of PostgreSQL's


def measure(server: Server, punches: int, rounds: int) -> list[Numbers]:
    """Time the handler with each kind in turn, on an empty table.

    Args:
        server: the database.
        punches: in each run, all new; each device's numbers go up.
        rounds: how often.

    Raises:
        RuntimeError: a punch was not stored.
    """
    server.use("numbers_without_index")
    server.ask(f"drop index {_INDEX}")
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in _KINDS}
    for round_ in range(rounds):
        for kind, database in _KINDS.items():
            print(f"numbers: round {round_ + 1} of {rounds}, {kind}", file=sys.stderr, flush=True)
            server.use(database)
            server.empty()
            run(server, [[event(1)]])  # connects
            took = run(server, chunks(punches, BATCH) if kind == "no number" else numbered(punches))
            if server.rows() != punches + 1:
                raise RuntimeError(f"{server.rows():,} rows of {punches + 1:,} punches")
            found[kind].append((punches / took.seconds, 1e6 * (took.function_cpu + took.database_cpu) / punches))
    return [
        Numbers(kind, spread(speed for speed, _ in runs), spread(cpu for _, cpu in runs))
        for kind, runs in found.items()
    ]


def numbered(punches: int, new_id: NewId = uuid4) -> Iterator[list[Event]]:
    """Give batches of punches of some devices, each of which numbers its own.

    Args:
        punches: how many in all.
        new_id: makes the id of each.
    """
    last = [0] * DEVICES
    place = 0
    for part in chunks(punches, BATCH, new_id):
        for each in part:
            for record in each["Records"]:
                device = place % DEVICES
                place += 1
                last[device] += 1
                body: dict[str, Any] = json.loads(record["body"])
                record["body"] = json.dumps(body | {"dispositivo": f"gate-{device}", "sequencia": last[device]})
        yield part


def aims(found: Sequence[Numbers]) -> list[Aim]:
    """Hold the index against none."""
    cpu = {each.kind: each.cpu.median for each in found}
    ratio = cpu["a number, the index"] / cpu["a number, no index"]
    return [Aim("CPU a row with the index, as a multiple of without", 1.25, ratio, at_most=True)]


def show(found: Sequence[Numbers]) -> str:
    """Lay out the kinds."""
    rows = [
        [each.kind, f"{each.rows_per_second.median:,.0f}", *(f"{value:.1f}" for value in each.cpu)] for each in found
    ]
    return table([["punches with", "rows/s", "CPU us a row", "least", "most"], *rows])
