"""`make interleavings`: every order in which the statements of two programs can meet."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NamedTuple, cast

import click

from lab.interleavings import explorer
from lab.interleavings.explorer import Choose
from lab.interleavings.planted import NONE, Planted
from lab.interleavings.runs import Run, Stage, judged, stage
from lab.interleavings.scenarios import PLANTED, SCENARIOS
from tools.kit import commands
from tools.kit import options as opt
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.output import print_result, print_status
from tools.local.temporary import server

_LISTED = "\n".join(f"  {name:<17} {scenario.what}" for name, scenario in SCENARIOS.items())
_FAULTS = "\n".join(f"  {name:<9} {planted.what}" for name, planted in PLANTED.items())
_EPILOG = f"""examples:
  make interleavings                                         all of them
  make interleavings ARGS="--sample 20 --seed 86"            20 of each scenario, by chance
  make interleavings ARGS="--only same --fault look-up"
  make interleavings ARGS="--only same --order 'A A B A B'"  one, step by step

scenarios:
{_LISTED}

planted faults, mistakes of ours, to see that they are found:
{_FAULTS}

steps of an order:
  A   the next step of A       A!  A's process is killed
  A~  A's connection is cut    A?  A is tired of waiting for a lock

exit status: 0 every rule held, 1 one was broken, and its steps are printed, or time did not suffice for all orders,
2 the request is wrong
"""


_DEFAULT_MINUTES = 30  # all orders take a quarter of it on two processors
_PROCESSES = 2  # each with a server: a step is taken now by Python, now by PostgreSQL
_REPORT_SECONDS = 1  # between a process's counts
_STATUS_SECONDS = 10  # between lines about progress
_END_SECONDS = 20  # in which a process stops its server


@dataclass(frozen=True)
class Collaborators:
    """What one scenario alone is explored with, in this process."""

    clock: Clock = CLOCK
    server: Callable[[], AbstractContextManager[str]] = server  # yields the URL of a migrated database


class Asked(NamedTuple):
    """What is asked of each scenario; see `explore`."""

    fault: str | None
    sample: int | None
    seed: int
    order: str | None
    end: float  # `time.monotonic()` after which no other order is tried


class Explored(NamedTuple):
    """What came of a scenario."""

    name: str
    interleavings: int
    outcomes: int
    shown: Run | None  # the one that was asked for, or broke a rule
    is_complete: bool  # time sufficed

    @property
    def is_broken(self) -> bool:
        return bool(self.shown and self.shown.broken)


class Count(NamedTuple):
    """How many orders of a scenario have been tried so far."""

    name: str
    interleavings: int


@commands.command("interleavings", epilog=_EPILOG)
@click.option(
    "--only",
    type=click.Choice(list(SCENARIOS)),
    multiple=True,
    show_default=False,
    metavar="SCENARIO",
    help="One of those below, may be repeated; else all.",
)
@click.option("--sample", type=opt.POSITIVE, show_default=False, metavar="N", help="So many of each, by chance.")
@click.option("--seed", type=opt.COUNT, default=0, help="Of the chance.")
@click.option("--order", cls=opt.Instead, instead_of=["--sample"], show_default=False, help="Of one scenario's steps.")
@click.option("--fault", type=click.Choice(list(PLANTED)), show_default=False, help="Plant a mistake of ours.")
@click.option("--minutes", type=opt.POSITIVE, default=_DEFAULT_MINUTES, metavar="N", help="Stop after so long.")
@click.make_pass_decorator(Collaborators, ensure=True)
def interleavings(
    collaborators: Collaborators,
    only: Sequence[str],
    sample: int | None,
    seed: int,
    order: str | None,
    fault: str | None,
    minutes: int,
) -> int:
    """Let the statements of two programs meet in every order.

    The real drain, migrations, redrive and reports run beside each other on a real PostgreSQL. Each stops before every
    statement, every row, every commit; one of them takes the next step, until all orders were tried. What is left must
    be what transactions leave that run one after the other; every message is a row, or is said not to be one; and
    nobody failed, unless he was killed.
    """
    if order and len(only) != 1:
        raise click.UsageError("--order is of one scenario: give one --only.")
    clock, names = collaborators.clock, list(only or SCENARIOS)
    begin = clock.monotonic()
    asked = Asked(fault, sample, seed, order, begin + 60 * minutes)
    done: list[Explored] = []
    for each in (
        _explore_here(names[0], asked, collaborators) if len(names) == 1 else _explore_in_processes(names, asked)
    ):
        done.append(each)
        if each.shown:
            _tell(each.shown)
        if each.is_broken and each.shown:
            again = f"--only '{each.name}' --order '{each.shown.order}'{f' --fault {fault}' if fault else ''}"
            print_result(f'again: make interleavings ARGS="{again}"')
            return 1
        rest = "" if each.is_complete else "; the time did not suffice for the others"
        print_result(f"{each.name}: {each.interleavings:,} interleavings, {each.outcomes} outcomes{rest}")
    total, took = sum(each.interleavings for each in done), clock.monotonic() - begin
    summary = f"{total:,} interleavings of {len(names)} scenarios in {took:.0f} s: all end as serial ones do"
    if all(each.is_complete for each in done):
        print_result(summary)
        return 0
    print_result(f"{summary}, but not all were tried; --minutes {2 * minutes} tries more")
    return 1


def _explore_here(name: str, asked: Asked, collaborators: Collaborators) -> Iterator[Explored]:
    with collaborators.server() as url, stage(url) as where:
        progress = _Progress(1, collaborators.clock)
        yield find(where, name, asked, lambda count: progress.show([count]), collaborators.clock)


def _explore_in_processes(names: Sequence[str], asked: Asked) -> Iterator[Explored]:
    """Explore scenarios in processes that each have a server; end the processes whatever happens here."""
    left, progress = deque(names), _Progress(len(names), CLOCK)
    workers: dict[Connection, SpawnProcess] = {}
    counts: dict[Connection, Count] = {}
    context = multiprocessing.get_context("spawn")  # no process inherits what another one has open
    try:
        for _ in range(min(_PROCESSES, len(names))):
            here, there = context.Pipe()
            workers[here] = context.Process(target=_work, args=(there, asked), daemon=True)
            workers[here].start()
            there.close()
            here.send(left.popleft())
        busy = set(workers)
        while busy:
            for here in cast("list[Connection]", wait(busy, timeout=_STATUS_SECONDS)):
                match _received(here):
                    case Count() as count:
                        counts[here] = count
                    case Explored() as explored:
                        progress.add(explored)
                        counts.pop(here, None)
                        if left:
                            here.send(left.popleft())
                        else:
                            busy.discard(here)
                        yield explored
                    case str() as error:
                        raise CommandError(error)
            progress.show(list(counts.values()))
    finally:
        for worker in workers.values():
            worker.terminate()
        for worker in workers.values():
            worker.join(_END_SECONDS)
            worker.kill()


def _received(here: Connection) -> object:
    try:
        return here.recv()
    except EOFError:
        raise CommandError("a process ended before its scenario did") from None


def _work(there: Connection, asked: Asked) -> None:
    """Explore the scenarios that the command names, until it ends this process by SIGTERM, or is gone."""
    commands.end_on_sigterm()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command, too
    try:
        with server() as url, stage(url) as where:
            while True:
                there.send(find(where, there.recv(), asked, there.send))
    except CommandError as error:
        there.send(str(error))
    except (EOFError, BrokenPipeError):  # the command was killed
        return


class _Progress:
    """Lines that say how far the command is."""

    def __init__(self, scenarios: int, clock: Clock) -> None:
        self._scenarios, self._clock = scenarios, clock
        self._explored: list[Explored] = []
        self._begin = self._shown_at = clock.monotonic()

    def add(self, explored: Explored) -> None:
        self._explored.append(explored)

    def show(self, counts: Sequence[Count]) -> None:
        """Print a line, if the last one is old."""
        now = self._clock.monotonic()
        if not counts or now < self._shown_at + _STATUS_SECONDS:
            return
        self._shown_at = now
        total = sum(each.interleavings for each in self._explored) + sum(each.interleavings for each in counts)
        rate = total / (now - self._begin)
        running = "; ".join(f"{name} {number:,}" for name, number in counts)
        print_status(
            f"{now - self._begin:.0f} s: {len(self._explored)} of {self._scenarios} scenarios done, "
            f"{total:,} interleavings, {rate:.0f} a second; now {running}"
        )


def find(where: Stage, name: str, asked: Asked, report: Callable[[Count], None], clock: Clock = CLOCK) -> Explored:
    """Explore a scenario up to an order in which a rule is broken, or until time is up.

    Args:
        where: it runs.
        name: of the scenario.
        asked: what of it.
        report: is told about each second how many orders were tried.
        clock: that ends it.
    """
    if clock.monotonic() > asked.end:
        return Explored(name, 0, 0, None, is_complete=False)
    print_status(f"{name}: {SCENARIOS[name].what}")
    count, outcomes, reported_at = 0, set(), clock.monotonic()
    for run in explore(
        where, name, PLANTED[asked.fault] if asked.fault else NONE, asked.sample, asked.seed, asked.order
    ):
        count += 1
        outcomes.add(run.outcome)
        if asked.order or run.broken:
            return Explored(name, count, len(outcomes), run, is_complete=True)
        now = clock.monotonic()
        if now > asked.end:
            return Explored(name, count, len(outcomes), None, is_complete=False)
        if now > reported_at + _REPORT_SECONDS:
            report(Count(name, count))
            reported_at = now
    return Explored(name, count, len(outcomes), None, is_complete=True)


def explore(
    where: Stage, name: str, fault: Planted = NONE, sample: int | None = None, seed: int = 0, order: str | None = None
) -> Iterator[Run]:
    """Run a scenario in every order, in some, or in one, and judge each.

    Args:
        where: it runs.
        name: of the scenario.
        fault: of ours, planted.
        sample: how many, by chance; None: all.
        seed: of the chance.
        order: the steps of one.
    """
    scenario = SCENARIOS[name]
    serial = where.serial(scenario, fault)

    def run(choose: Choose) -> Run:
        return judged(where.run(scenario, choose, fault), serial)

    if order:
        yield run(explorer.given(order.split()))
    elif sample:
        yield from explorer.some(run, sample, seed)
    else:
        yield from explorer.every(run)


def _tell(run: Run) -> None:
    for step, where in run.steps:
        print_result(f"{step:<2}  {where}")
    for rule in run.broken:
        print_result(f"broken: {rule}")


def main(words: Sequence[str] | None = None, collaborators: Collaborators | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(interleavings, "make interleavings", words, collaborators)
