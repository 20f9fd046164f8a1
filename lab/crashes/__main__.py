"""`make crashes`: a table of how long good punches wait beside messages that crash the process."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from statistics import median
from typing import NamedTuple
from unittest.mock import patch

import click

from lab.crashes.simulation import CaseResult, CrashCase, run
from ponto import crash_suspects
from ponto.message import Message
from ponto.retry_backoff import RetryBackoff
from tools.kit import commands, tables
from tools.kit import options as opt
from tools.kit.output import print_result
from tools.kit.tables import Column

CRASHING_COUNTS = (1, 4, 10, 20, 60)
BATCH_SIZES = (10, 100, 1_000)


class CrashCases(NamedTuple):
    """Cases of the table, and the function that runs one; the tests pass fewer of them."""

    crashing: Sequence[int] = CRASHING_COUNTS
    batches: Sequence[int] = BATCH_SIZES
    arrivals: Sequence[tuple[str, int]] = (("at once", 0), ("in 60 s", 60))
    run: Callable[[CrashCase], CaseResult] = run


_EPILOG = """examples:
  make crashes
  make crashes ARGS="--seeds 3 --fault largest-first"

Each cell shows the median and the maximum, in minutes, of the time until all good punches are stored. If good punches
became dead letters, a + and two numbers follow: dead letters without a row and with a row, in all runs.

mutant for --fault, which dead-letters good punches on purpose:
  largest-first  the larger half of the suspects is tried first, and all reappear at the same time

exit status: 0 no good punch became a dead letter, 1 at least one did, 2 the request is wrong
"""


@commands.command("crashes", epilog=_EPILOG)
@click.option("--seeds", type=opt.POSITIVE, default=20, metavar="N", help="Number of runs for each cell.")
@click.option("--fault", type=click.Choice(["largest-first"]), show_default=False, help="Simulate the mutant below.")
@click.make_pass_decorator(CrashCases, ensure=True)
def crashes(cases: CrashCases, seeds: int, fault: str | None) -> int:
    """Measure how long good punches wait beside messages that crash the process.

    A thousand messages are queued at the start or arrive within a minute. Some of them crash the process at each try.
    The real drain divides the batches; queue, clock and database are simulated.
    """
    started_at = time.monotonic()
    rows, all_results = [], []
    with try_largest_part_first() if fault else nullcontext():
        for arrival, seconds in cases.arrivals:
            for batch in cases.batches:
                cells = [
                    [cases.run(CrashCase(crashing, batch, seed, arrival_seconds=seconds)) for seed in range(seeds)]
                    for crashing in cases.crashing
                ]
                rows.append([arrival, f"{batch:,}", *map(format_cell, cells)])
                all_results += [result for results in cells for result in results]
    columns = [
        Column("arrive"),
        Column("batch", align_right=True),
        *(Column(str(crashing), align_right=True) for crashing in cases.crashing),
    ]
    tables.show(columns, rows)
    print_result(f"{len(all_results):,} runs in {time.monotonic() - started_at:.0f} s")
    return int(any(result.dead_letters_without_row or result.dead_letters_with_row for result in all_results))


def split_into_halves(suspects: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield half of the suspects, half of the remaining ones, and so on, down to one."""
    while suspects:
        middle = (len(suspects) + 1) // 2
        yield suspects[:middle]
        suspects = suspects[middle:]


@contextmanager
def try_largest_part_first() -> Iterator[None]:
    """Apply the mutant: try the largest part of the suspects first, and do not spread their visibility timeouts."""
    with (
        patch.object(crash_suspects, "split_into_growing_groups", split_into_halves),
        patch.object(RetryBackoff, "set_visibility", lambda *_: None),
    ):
        yield


def format_cell(results: Iterable[CaseResult]) -> str:
    """Format the results of the runs of one case."""
    results = list(results)
    times = [result.seconds_until_stored for result in results]
    without_row = sum(result.dead_letters_without_row for result in results)
    with_row = sum(result.dead_letters_with_row for result in results)
    dead_letters = f" +{without_row:,},{with_row:,}" if without_row or with_row else ""
    return f"{_minutes(median(times))} {_minutes(max(times))}{dead_letters}"


def _minutes(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{seconds / 60:,.0f}"


def main(words: Sequence[str] | None = None, cases: CrashCases | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(crashes, "make crashes", words, cases)


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
