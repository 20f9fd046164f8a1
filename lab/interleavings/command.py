"""`make interleavings`: every order in which the statements of two programs can meet."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import click

from lab.interleavings import explorer
from lab.interleavings.explorer import Choose
from lab.interleavings.planted import NONE, Planted
from lab.interleavings.runs import Run, Stage, judged, stage
from lab.interleavings.scenarios import PLANTED, SCENARIOS
from tools.kit import commands
from tools.kit import options as opt
from tools.kit.clock import CLOCK, Clock
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
_PROCESSES = 2  # each scenario has a server: a step is taken now by Python, now by PostgreSQL


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


class _Exploration(NamedTuple):
    """A process that explores one scenario."""

    name: str
    process: BaseProcess
    receiver: Connection  # of its `Explored`


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
@click.option(
    "--order",
    cls=opt.MutuallyExclusiveOption,
    excludes=["--sample"],
    show_default=False,
    help="Of one scenario's steps.",
)
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
    with closing(_explore(names, asked, collaborators)) as explorations:
        for each in explorations:
            done.append(each)
            if not _print(each, fault):
                return 1
    total, took = sum(each.interleavings for each in done), clock.monotonic() - begin
    summary = f"{total:,} interleavings of {len(names)} scenarios in {took:.0f} s: all end as serial ones do"
    if all(each.is_complete for each in done):
        print_result(summary)
        return 0
    print_result(f"{summary}, but not all were tried; --minutes {2 * minutes} tries more")
    return 1


def _print(explored: Explored, fault: str | None) -> bool:
    """Print what came of a scenario; return whether no rule was broken."""
    if run := explored.shown:
        print_result(*(f"{step:<2}  {where}" for step, where in run.steps), *(f"broken: {rule}" for rule in run.broken))
        if run.broken:
            again = f"--only '{explored.name}' --order '{run.order}'{f' --fault {fault}' if fault else ''}"
            print_result(f'again: make interleavings ARGS="{again}"')
            return False
    rest = "" if explored.is_complete else "; the time did not suffice for the others"
    print_result(f"{explored.name}: {explored.interleavings:,} interleavings, {explored.outcomes} outcomes{rest}")
    return True


def _explore_here(name: str, asked: Asked, collaborators: Collaborators) -> Explored:
    with collaborators.server() as url, stage(url) as where:
        return find(where, name, asked, collaborators.clock)


def _explore(names: Sequence[str], asked: Asked, collaborators: Collaborators) -> Generator[Explored]:
    """Yield what came of each scenario, as they end: of one alone in this process, of several in processes.

    When the caller closes the generator, the processes end. They are no pool: `multiprocessing.Pool.terminate` waits
    for ever for a lock that an idle worker held when a signal to the process group ended it.

    Raises:
        click.ClickException: a process ended without a result; it has printed why.
    """
    if len(names) == 1:
        yield _explore_here(names[0], asked, collaborators)
        return
    waiting, running = deque(names), dict[object, _Exploration]()  # by receiver
    try:
        while waiting or running:
            while waiting and len(running) < _PROCESSES:
                started = _start(waiting.popleft(), asked)
                running[started.receiver] = started
            for receiver in wait([each.receiver for each in running.values()]):
                yield _receive(running.pop(receiver))
    finally:
        for each in running.values():
            each.process.terminate()
        for each in running.values():
            each.process.join()


def _receive(exploration: _Exploration) -> Explored:
    try:
        with exploration.receiver as receiver:
            explored: Explored = receiver.recv()
    except EOFError:
        exploration.process.join()
        ended = f"{exploration.name}: its process ended with status {exploration.process.exitcode}"
        raise click.ClickException(f"{ended} and without a result; see above.") from None
    exploration.process.join()
    return explored


def _start(name: str, asked: Asked) -> _Exploration:
    """Start a process that explores one scenario and sends what came of it."""
    context = multiprocessing.get_context("spawn")  # no process inherits what another one has open
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_explored, args=(sender, name, asked))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: Ctrl-C reaches the command alone
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        sender.close()
    return _Exploration(name, process, receiver)


def _send_explored(sender: Connection, name: str, asked: Asked) -> None:
    commands.exit_on_sigterm()  # with its server
    sender.send(_explore_here(name, asked, Collaborators()))


def find(where: Stage, name: str, asked: Asked, clock: Clock = CLOCK) -> Explored:
    """Explore a scenario up to an order in which a rule is broken, or until time is up."""
    if clock.monotonic() > asked.end:
        return Explored(name, 0, 0, None, is_complete=False)
    print_status(f"{name}: {SCENARIOS[name].what}")
    fault = PLANTED[asked.fault] if asked.fault else NONE
    count, outcomes = 0, set()
    for run in explore(where, name, fault, asked.sample, asked.seed, asked.order):
        count += 1
        outcomes.add(run.outcome)
        if asked.order or run.broken:
            return Explored(name, count, len(outcomes), run, is_complete=True)
        if clock.monotonic() > asked.end:
            return Explored(name, count, len(outcomes), None, is_complete=False)
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


def main(words: Sequence[str] | None = None, collaborators: Collaborators | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(interleavings, "make interleavings", words, collaborators)
