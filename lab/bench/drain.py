"""Benchmark of the handler, from the SQS event to the answer on one connection, compared with other implementations."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import handler
from lab.bench import peers
from lab.bench.events import Event, LambdaContext, make_event, make_events
from lab.bench.harness import (
    BenchCase,
    Measurement,
    ResultColumn,
    ResultTable,
    Sizes,
    add_figure,
    measure_cases,
    median,
)
from lab.bench.peers import copy, original, powertools
from lab.bench.server import BenchServer

DISTANCE_BATCH_SIZES = (10, 100)  # deployed by the original, and by this project

_DISTANCE_SHARE = 0.05  # of the punches, for slow implementations: each of their statements waits for a round trip
_ROUND_TRIP_STATEMENTS = 100

_COLUMNS = {
    "peer": ResultColumn("peer"),
    "batch": ResultColumn("a batch"),
    "rows_per_second": ResultColumn("rows/s, median (least to most)"),
    "function_cpu": ResultColumn("us of CPU a row: function", median_only=True),
    "database_cpu": ResultColumn("us of CPU a row: database", median_only=True),
    "multiple": ResultColumn("handler as a multiple", digits=2),
}


class Peer(NamedTuple):
    """Implementation of the drain."""

    label: str
    main: Callable[[Any, Any], object]
    prepare: Callable[[Event], Any] = lambda event: event  # is not measured
    share: float = 1.0  # of the punches; fewer suffice for slow implementations


PEERS = {
    "original": Peer("first version: a connection per batch, an INSERT per punch", original.main, share=0.1),
    "powertools": Peer("Powertools' BatchProcessor, an INSERT and a commit per punch", powertools.main, share=0.1),
    "powertools_1": Peer("the same in one transaction (unsafe)", powertools.main_in_one_transaction, share=0.1),
    "handler": Peer("handler.main: read, check, store and log", handler.main),
    "copy": Peer("upper limit: COPY of prepared text", copy.main, copy.prepare),
}


def measure(server: BenchServer, sizes: Sizes) -> list[ResultTable]:
    """Measure each implementation at each batch size, and at each distance, round by round.

    Raises:
        RuntimeError: an implementation did not store all punches, or a proxy did not start.
    """
    with contextlib.ExitStack() as stack:
        cases = list(_build_cases(server, sizes)) if not sizes.distance else []
        for distance in sizes.distance:
            cases += _build_cases(server, sizes, distance, stack.enter_context(server.at_distance(distance)))
        rows = measure_cases("drain", cases, sizes.rounds)
    return build_tables(rows, sizes.distance)


def build_tables(rows: Sequence[Measurement], distances: Sequence[float] = ()) -> list[ResultTable]:
    """Return a table for each distance that compares the handler with the other implementations."""
    rows = add_figure(
        rows, "round_trip_ms", lambda row: median(rows, "round_trip_ms", distance=row.facts.get("distance"))
    )
    rows = add_figure(rows, "multiple", lambda row: _multiple(rows, row.facts, row.facts.get("batch", 0)))
    return [_build_table(rows, distance) for distance in distances or (None,)]


def _multiple(rows: Sequence[Measurement], facts: Mapping[str, Any], handler_batch: int) -> float | None:
    """Return the handler's rows/s at a batch size as a multiple of those with `facts`, or None if one is missing."""
    handler_speed = median(rows, "rows_per_second", distance=facts.get("distance"), peer="handler", batch=handler_batch)
    speed = median(rows, "rows_per_second", **facts)
    return None if handler_speed is None or speed is None else handler_speed / speed


def _build_table(rows: Sequence[Measurement], distance: float | None) -> ResultTable:
    table_rows = [row for row in rows if row.facts.get("distance") == distance]
    title, note = "", [f"{name}: {peer.label}" for name, peer in PEERS.items()]
    if (trip := median(table_rows, "round_trip_ms")) is not None:
        title = f"A round trip of {distance:g} ms (`select 1` takes {trip:.2f} ms):"
    headline = _multiple(table_rows, {"distance": distance, "peer": "original", "batch": 10}, 100)
    if headline is not None:
        note += [
            "",
            f"With batches of 100, the handler is {headline:,.1f} times as fast as the original with batches of 10.",
        ]
    return ResultTable(_COLUMNS, [row for row in table_rows if row.facts["peer"] in PEERS], title, note)


def _build_cases(
    server: BenchServer, sizes: Sizes, distance: float | None = None, folder: str | None = None
) -> Iterator[BenchCase]:
    distance_fact = {} if distance is None else {"distance": distance}
    if distance_fact:
        yield BenchCase({**distance_fact, "peer": "select 1"}, partial(_measure_round_trip, server, folder))
    for batch in sizes.batch:
        for name, peer in PEERS.items():
            share = peer.share
            if distance_fact:  # the same number of batches of each size
                share = (batch / max(sizes.batch) if peer.share == 1 else _DISTANCE_SHARE) / 5
            count = int(sizes.punches * share)
            facts = {**distance_fact, "peer": name, "batch": batch, "punches": count}
            yield BenchCase(facts, partial(_measure_case, server, folder, name, batch, count))


def _measure_case(server: BenchServer, folder: str | None, name: str, batch: int, count: int) -> dict[str, float]:
    """Drain into an empty table, after a first punch that opens the connections and is not measured."""
    peer = PEERS[name]
    server.use_database("drain", folder)
    server.truncate()
    run(server, 1, [[peer.prepare(make_event(1))]], peer.main)
    parts = ([peer.prepare(event) for event in part] for part in make_events(count, batch))
    figures = run(server, count, parts, peer.main)
    if server.row_count() != count + 1:
        raise RuntimeError(f"{name} stored {server.row_count() - 1:,} of {count:,} punches")
    return figures


def _measure_round_trip(server: BenchServer, folder: str | None) -> dict[str, float]:
    """Return the median duration of `select 1`."""
    server.use_database("drain", folder)
    results = []
    with peers.connection().cursor() as cursor:
        for _ in range(_ROUND_TRIP_STATEMENTS):
            started_at = time.perf_counter()
            cursor.execute("select 1")
            results.append(1000 * (time.perf_counter() - started_at))
    return {"round_trip_ms": statistics.median(results)}


def run(
    server: BenchServer, count: int, parts: Iterable[Any], main: Callable[[Any, Any], object] = handler.main
) -> dict[str, float]:
    """Drain batches; return rows/s, and the CPU time of a row in microseconds, of this process and of PostgreSQL.

    Args:
        server: the server, for its CPU time.
        count: number of punches.
        parts: lists of batches. Creating a list is not measured.
        main: function that stores a batch.

    Raises:
        RuntimeError: a batch has failures.
    """
    seconds = function = database = 0.0
    context = LambdaContext()
    with open(os.devnull, "w") as log, contextlib.redirect_stdout(log):  # noqa: PTH123
        for part in parts:
            database -= server.cpu_seconds()
            function -= time.process_time()
            seconds -= time.perf_counter()
            answers = [main(batch, context) for batch in part]
            seconds += time.perf_counter()
            function += time.process_time()
            database += server.cpu_seconds()
            if any(isinstance(answer, dict) and answer.get("batchItemFailures") for answer in answers):
                raise RuntimeError("a good punch was not stored")
    return {
        "rows_per_second": count / seconds,
        "function_cpu": 1e6 * function / count,
        "database_cpu": 1e6 * database / count,
    }
