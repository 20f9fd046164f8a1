"""Five processes at once, as many as the reserved concurrency admits, on one table."""

import contextlib
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

import handler
from lab.bench.events import Context, Event, event
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server

BATCH = 100
WORKERS = 5  # reservedConcurrency in serverless.yml

_WORKLOADS = {
    "each its own": "each worker has punches of its own",
    "all the same": "all workers have the same punches, each in batches and an order of its own",
}


class Workload(NamedTuple):
    """Workers with some workload."""

    workload: str
    workers: int
    rows_per_second: Spread  # of all workers together
    failures: int  # punches that have to come back, in all rounds
    deadlocks: int  # that PostgreSQL counted, in all rounds


def measure(server: Server, punches: int, rounds: int, workers: int = WORKERS) -> list[Workload]:
    """Time some handlers at once, with each workload in turn.

    Args:
        server: the database.
        punches: of each worker in each round.
        rounds: how often.
        workers: processes.

    Raises:
        RuntimeError: rows are missing, or there are too many.
    """
    runs: dict[str, list[float]] = {workload: [] for workload in _WORKLOADS}
    failures = dict.fromkeys(_WORKLOADS, 0)
    deadlocks = dict.fromkeys(_WORKLOADS, 0)
    for round_ in range(rounds):
        for workload in _WORKLOADS:
            print(f"workers: round {round_ + 1} of {rounds}, {workload}", file=sys.stderr, flush=True)
            server.use("workers_" + workload.replace(" ", "_"))
            server.empty()
            before = _deadlocks(server)
            seconds, failed = _run(_shares(workload, punches, workers))
            handled = punches * workers
            expected = (handled if workload == "each its own" else punches) + workers  # each stores one to connect
            if not failed and server.rows() != expected:
                raise RuntimeError(f"{workload}: {server.rows():,} rows, not {expected:,}")
            runs[workload].append(handled / seconds)
            failures[workload] += failed
            deadlocks[workload] += _deadlocks(server) - before
    return [
        Workload(workload, workers, spread(found), failures[workload], deadlocks[workload])
        for workload, found in runs.items()
    ]


def aims(found: Sequence[Workload]) -> list[Aim]:
    """Demand that no worker deadlocks with another."""
    return [Aim(f"deadlocks, {workload.workload}", 0, workload.deadlocks, at_most=True) for workload in found]


def show(found: Sequence[Workload]) -> str:
    """Lay out rows/s, failures and deadlocks."""
    rows = [
        [
            _WORKLOADS[workload.workload],
            str(workload.rows_per_second),
            f"{workload.failures:,}",
            f"{workload.deadlocks:,}",
        ]
        for workload in found
    ]
    return table([[f"{found[0].workers} at once, batches of {BATCH}", "punches/s", "came back", "deadlocks"], *rows])


def _shares(workload: str, punches: int, workers: int) -> list[list[Event]]:
    shares = []
    common = event(punches)["Records"]
    for _ in range(workers):
        records = event(punches)["Records"] if workload == "each its own" else random.sample(common, punches)
        shares.append([{"Records": records[start : start + BATCH]} for start in range(0, punches, BATCH)])
    return shares


def _run(shares: list[list[Event]]) -> tuple[float, int]:
    """Have a process for each share drain it; return seconds from the first start to the last end, and failures."""
    fresh = multiprocessing.get_context("spawn")
    barrier = fresh.Barrier(len(shares))
    with fresh.Pool(len(shares), _join, (barrier,)) as pool:
        ends = pool.map(_drain, shares, chunksize=1)
    return max(end for _, end, _ in ends) - min(began for began, _, _ in ends), sum(failed for _, _, failed in ends)


_barrier: Barrier


def _join(barrier: Barrier) -> None:
    global _barrier  # multiprocessing's way to give a worker something
    _barrier = barrier


def _drain(share: list[Event]) -> tuple[float, float, int]:
    context = Context()
    failed = 0
    with open(os.devnull, "w") as log, contextlib.redirect_stdout(log):  # noqa: PTH123
        handler.main(event(1), context)  # connects
        _barrier.wait(60)
        began = time.monotonic()  # one clock for all processes
        for batch in share:
            failed += len(handler.main(batch, context)["batchItemFailures"])
        return began, time.monotonic(), failed


def _deadlocks(server: Server) -> int:
    # A session reports what it counted within a second, or when it ends.
    server.ask("select pg_stat_clear_snapshot()")
    return int(server.ask("select deadlocks from pg_stat_database where datname = current_database()"))
