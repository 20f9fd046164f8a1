"""Five processes at once, as many as the reserved concurrency admits, on one table."""

import contextlib
import multiprocessing
import os
import random
import time
from functools import partial
from multiprocessing.synchronize import Barrier

import handler
from lab.bench.events import Context, Event, event
from lab.bench.harness import Aim, Case, Column, Found, Sizes, Table, side_by_side
from lab.bench.server import Server

BATCH = 100
WORKERS = 5  # reservedConcurrency in serverless.yml

_WORKLOADS = {
    "each its own": "each worker has punches of its own",
    "all the same": "all workers have the same punches, each in batches and an order of its own",
}
_COLUMNS = {
    "workload": Column(f"{WORKERS} at once, batches of {BATCH}"),
    "rows_per_second": Column("punches/s, median (least to most)"),
    "failures": Column("came back"),
    "deadlocks": Column("deadlocks"),
}


def measure(server: Server, sizes: Sizes) -> Found:
    """Time some handlers at once, with each workload in turn; the figures are of all workers together.

    Raises:
        RuntimeError: rows are missing, or there are too many.
    """
    cases = [
        Case({"workload": workload, "workers": WORKERS}, partial(_case, server, workload, sizes.punches // 5))
        for workload in _WORKLOADS
    ]
    rows = side_by_side("workers", cases, sizes.rounds)
    aims = [
        Aim(f"deadlocks, {row.facts['workload']}, the most in a round", 0, row.figures["deadlocks"].most, at_most=True)
        for row in rows
    ]
    return Found([Table(_COLUMNS, rows, note=[f"{name}: {what}" for name, what in _WORKLOADS.items()])], aims)


def _case(server: Server, workload: str, punches: int) -> dict[str, float]:
    server.use("workers_" + workload.replace(" ", "_"))
    server.empty()
    before = _deadlocks(server)
    seconds, failed = _run(_shares(workload, punches))
    handled = punches * WORKERS
    expected = (handled if workload == "each its own" else punches) + WORKERS  # each stores one to connect
    if not failed and server.rows() != expected:
        raise RuntimeError(f"{workload}: {server.rows():,} rows, not {expected:,}")
    return {
        "rows_per_second": handled / seconds,
        "failures": failed,  # punches that have to come back
        "deadlocks": _deadlocks(server) - before,  # that PostgreSQL counted
    }


def _shares(workload: str, punches: int) -> list[list[Event]]:
    shares = []
    common = event(punches)["Records"]
    for _ in range(WORKERS):
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
