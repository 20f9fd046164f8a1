"""How fast the handler drains, from the SQS event to the answer, against other ways; one connection at a time."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import handler
from lab.bench.events import Context, Event, chunks
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.peers import bulk, copy, original, powertools
from lab.bench.server import Server


class Peer(NamedTuple):
    """A way to drain."""

    label: str
    main: Callable[[Any, Any], object]
    prepare: Callable[[Event], Any] = lambda event: event  # not measured
    share: float = 1.0  # of the punches: the slow ones reach their rate with fewer


PEERS = {
    "original": Peer("the original: a connection per batch, an INSERT per punch", original.main, share=0.1),
    "powertools": Peer("Powertools' BatchProcessor, an INSERT and a commit per punch", powertools.main, share=0.1),
    "powertools_1": Peer("the same in one transaction (unsafe)", powertools.main_in_one_transaction, share=0.1),
    "execute_values": Peer("execute_values, unchecked", bulk.main),
    "ours": Peer("handler.main: read, checked, stored, logged", handler.main),
    "copy": Peer("the limit: COPY of prepared text", copy.main, copy.prepare),
}


class Drain(NamedTuple):
    """A peer at a batch size."""

    peer: str
    batch: int
    punches: int  # in each round
    rows_per_second: Spread
    function_cpu: float  # us a row, of this process
    database_cpu: float  # us a row, of all processes of PostgreSQL


class Run(NamedTuple):
    """What draining took, in seconds."""

    seconds: float
    function_cpu: float
    database_cpu: float


def measure(server: Server, batches: Sequence[int], punches: int, rounds: int) -> list[Drain]:
    """Time each peer at each batch size, all taking turns.

    Args:
        server: the database.
        batches: punches in an event.
        punches: for each, in each round, all new; the slow ones take a share.
        rounds: how often.

    Raises:
        RuntimeError: somebody did not store all, so that the figure would be worth nothing.
    """
    server.use("drain")
    counts = {(name, batch): int(punches * peer.share) for batch in batches for name, peer in PEERS.items()}
    runs: dict[tuple[str, int], list[Run]] = {turn: [] for turn in counts}
    for round_ in range(rounds):
        take_turns(server, runs, counts, f"drain: round {round_ + 1} of {rounds}")
    return summaries(runs, counts)


def take_turns(
    server: Server, runs: Mapping[tuple[str, int], list[Run]], counts: Mapping[tuple[str, int], int], status: str
) -> None:
    """Have each peer drain once at each batch size, into an empty table.

    Args:
        server: the database, with one in use.
        runs: by peer and batch size; each gets one more.
        counts: of punches, by peer and batch size; all are new.
        status: printed before each, with who it is.

    Raises:
        RuntimeError: somebody did not store all.
    """
    for (name, batch), found in runs.items():
        peer = PEERS[name]
        print(f"{status}, {batch} a batch, {name}", file=sys.stderr, flush=True)
        server.empty()
        count = counts[name, batch]
        found.append(run(server, ([peer.prepare(event) for event in part] for part in chunks(count, batch)), peer.main))
        if server.rows() != count:
            raise RuntimeError(f"{name} stored {server.rows():,} of {count:,} punches")


def summaries(runs: Mapping[tuple[str, int], Sequence[Run]], counts: Mapping[tuple[str, int], int]) -> list[Drain]:
    """Summarize the runs of each peer at each batch size.

    Args:
        runs: as of `take_turns`.
        counts: as of `take_turns`.
    """
    return [
        Drain(
            name,
            batch,
            count := counts[name, batch],
            spread(count / run.seconds for run in found),
            spread(1e6 * run.function_cpu / count for run in found).median,
            spread(1e6 * run.database_cpu / count for run in found).median,
        )
        for (name, batch), found in runs.items()
    ]


def run(server: Server, parts: Any, main: Callable[[Any, Any], object] = handler.main) -> Run:
    """Drain some batches.

    Args:
        server: for its CPU time.
        parts: an iterable of lists of batches. Making them is not measured.
        main: the function that takes a batch.

    Raises:
        RuntimeError: a batch has failures.
    """
    seconds = function = database = 0.0
    context = Context()
    with open(os.devnull, "w") as log, contextlib.redirect_stdout(log):  # noqa: PTH123
        for part in parts:
            database -= server.cpu()
            function -= time.process_time()
            seconds -= time.perf_counter()
            answers = [main(batch, context) for batch in part]
            seconds += time.perf_counter()
            function += time.process_time()
            database += server.cpu()
            if any(isinstance(answer, dict) and answer.get("batchItemFailures") for answer in answers):
                raise RuntimeError("a good punch was not stored")
    return Run(seconds, function, database)


def aims(
    found: Sequence[Drain],
    wanted: Sequence[tuple[str, int, float]] = (("original", 10, 25.0), ("powertools", 100, 8.0), ("copy", 100, 0.8)),
    where: str = "",
) -> list[Aim]:
    """Hold the handler at 100 a batch against its peers, where both were measured.

    Args:
        found: what was measured.
        wanted: a peer, its batch size, and the least multiple of its speed.
        where: begins each text.
    """
    return [
        Aim(f"{where}rows/s of the handler at 100 a batch, as a multiple of {peer} at {batch}", least, multiple)
        for peer, batch, least in wanted
        if (multiple := multiple_of(found, peer, batch, ours_at=100)) is not None
    ]


def multiple_of(found: Sequence[Drain], peer: str, batch: int, ours_at: int) -> float | None:
    """Give the handler's speed as a multiple of a peer's, where both were measured.

    Args:
        found: what was measured.
        peer: its name.
        batch: the peer's batch size.
        ours_at: the handler's.
    """
    rates = {(drain.peer, drain.batch): drain.rows_per_second.median for drain in found}
    if not {("ours", ours_at), (peer, batch)} <= rates.keys():
        return None
    return rates["ours", ours_at] / rates[peer, batch]


def show(found: Sequence[Drain]) -> str:
    """Lay out rows/s, and the CPU time of a row."""
    batches = sorted({drain.batch for drain in found})
    rates = [["rows/s, median (least to most)", *(f"{batch:,} a batch" for batch in batches)]]
    costs = [["us of CPU a row, function + PostgreSQL", *(f"{batch:,} a batch" for batch in batches)]]
    for name, peer in PEERS.items():
        mine = sorted((drain for drain in found if drain.peer == name), key=lambda drain: drain.batch)
        rates.append([f"`{name}`: {peer.label}", *(str(drain.rows_per_second) for drain in mine)])
        costs.append([f"`{name}`", *(f"{drain.function_cpu:,.0f} + {drain.database_cpu:,.0f}" for drain in mine)])
    return f"{table(rates)}\n\n{table(costs)}"
