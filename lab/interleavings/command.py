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
from lab.interleavings.mutants import NONE, StatementMutant
from lab.interleavings.runs import Run, ScenarioRunner, check_serial, open_runner
from lab.interleavings.scenarios import MUTANTS, SCENARIOS
from tools.kit import commands
from tools.kit import options as opt
from tools.kit.clock import CLOCK, Clock
from tools.kit.output import print_result, print_status
from tools.local.temporary import migrated_database

_SCENARIO_LIST = "\n".join(f"  {name:<17} {scenario.description}" for name, scenario in SCENARIOS.items())
_MUTANT_LIST = "\n".join(f"  {name:<9} {mutant.description}" for name, mutant in MUTANTS.items())
_EPILOG = f"""examples:
  make interleavings                                         all of them
  make interleavings ARGS="--sample 20 --seed 86"            20 of each scenario, by chance
  make interleavings ARGS="--only same --fault look-up"
  make interleavings ARGS="--only same --order 'A A B A B'"  one, step by step

scenarios:
{_SCENARIO_LIST}

planted faults, mistakes of ours, to see that they are found:
{_MUTANT_LIST}

steps of an order:
  A   the next step of A       A!  A's process is killed
  A~  A's connection is cut    A?  A is tired of waiting for a lock

exit status: 0 every rule held, 1 one was broken, and its steps are printed, or time did not suffice for all orders,
2 the request is wrong
"""


_DEFAULT_MINUTES = 30  # all orders take a quarter of it on two processors
_PROCESSES = 2  # each scenario has a server: a step is taken now by Python, now by PostgreSQL


@dataclass(frozen=True)
class InterleavingsCollaborators:
    """What one scenario alone is explored with, in this process."""

    clock: Clock = CLOCK
    server: Callable[[], AbstractContextManager[str]] = migrated_database  # yields the URL of a migrated database


class ExplorationOptions(NamedTuple):
    """What is asked of each scenario; see `explore`."""

    fault: str | None
    sample: int | None
    seed: int
    order: str | None
    end: float  # `time.monotonic()` after which no other order is tried


class ScenarioResult(NamedTuple):
    """What came of a scenario."""

    name: str
    interleavings: int
    outcomes: int
    run: Run | None  # the one that was asked for, or broke a rule
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
@click.option("--fault", type=click.Choice(list(MUTANTS)), show_default=False, help="Plant a mistake of ours.")
@click.option("--minutes", type=opt.POSITIVE, default=_DEFAULT_MINUTES, metavar="N", help="Stop after so long.")
@click.make_pass_decorator(InterleavingsCollaborators, ensure=True)
def interleavings(
    collaborators: InterleavingsCollaborators,
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
    options = ExplorationOptions(fault, sample, seed, order, begin + 60 * minutes)
    results: list[ScenarioResult] = []
    with closing(_explore(names, options, collaborators)) as explorations:
        for result in explorations:
            results.append(result)
            if not _print_result(result, fault):
                return 1
    total, took = sum(result.interleavings for result in results), clock.monotonic() - begin
    summary = f"{total:,} interleavings of {len(names)} scenarios in {took:.0f} s: all end as serial ones do"
    if all(result.is_complete for result in results):
        print_result(summary)
        return 0
    print_result(f"{summary}, but not all were tried; --minutes {2 * minutes} tries more")
    return 1


def _print_result(result: ScenarioResult, fault: str | None) -> bool:
    """Print what came of a scenario; return whether no rule was broken."""
    if run := result.run:
        print_result(
            *(f"{step:<2}  {position}" for step, position in run.steps),
            *(f"broken: {rule}" for rule in run.broken_rules),
        )
        if run.broken_rules:
            arguments = f"--only '{result.name}' --order '{run.order}'{f' --fault {fault}' if fault else ''}"
            print_result(f'again: make interleavings ARGS="{arguments}"')
            return False
    rest = "" if result.is_complete else "; the time did not suffice for the others"
    print_result(f"{result.name}: {result.interleavings:,} interleavings, {result.outcomes} outcomes{rest}")
    return True


def _explore_scenario(
    name: str, options: ExplorationOptions, collaborators: InterleavingsCollaborators
) -> ScenarioResult:
    with collaborators.server() as url, open_runner(url) as runner:
        return explore_until_broken(runner, name, options, collaborators.clock)


def _explore(
    names: Sequence[str], options: ExplorationOptions, collaborators: InterleavingsCollaborators
) -> Generator[ScenarioResult]:
    """Yield what came of each scenario, as they end: of one alone in this process, of several in processes.

    When the caller closes the generator, the processes end. They are no pool: `multiprocessing.Pool.terminate` waits
    for ever for a lock that an idle worker held when a signal to the process group ended it.

    Raises:
        click.ClickException: a process ended without a result; it has printed why.
    """
    if len(names) == 1:
        yield _explore_scenario(names[0], options, collaborators)
        return
    waiting, running = deque(names), dict[object, _Exploration]()  # by receiver
    try:
        while waiting or running:
            while waiting and len(running) < _PROCESSES:
                started = _start(waiting.popleft(), options)
                running[started.receiver] = started
            for receiver in wait([each.receiver for each in running.values()]):
                yield _receive(running.pop(receiver))
    finally:
        for each in running.values():
            each.process.terminate()
        for each in running.values():
            each.process.join()


def _receive(exploration: _Exploration) -> ScenarioResult:
    try:
        with exploration.receiver as receiver:
            result: ScenarioResult = receiver.recv()
    except EOFError:
        exploration.process.join()
        ended = f"{exploration.name}: its process ended with status {exploration.process.exitcode}"
        raise click.ClickException(f"{ended} and without a result; see above.") from None
    exploration.process.join()
    return result


def _start(name: str, options: ExplorationOptions) -> _Exploration:
    """Start a process that explores one scenario and sends what came of it."""
    context = multiprocessing.get_context("spawn")  # no process inherits what another one has open
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, name, options))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: Ctrl-C reaches the command alone
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        sender.close()
    return _Exploration(name, process, receiver)


def _send_result(sender: Connection, name: str, options: ExplorationOptions) -> None:
    commands.exit_on_sigterm()  # with its server
    sender.send(_explore_scenario(name, options, InterleavingsCollaborators()))


def explore_until_broken(
    runner: ScenarioRunner, name: str, options: ExplorationOptions, clock: Clock = CLOCK
) -> ScenarioResult:
    """Explore a scenario up to an order in which a rule is broken, or until time is up."""
    if clock.monotonic() > options.end:
        return ScenarioResult(name, 0, 0, None, is_complete=False)
    print_status(f"{name}: {SCENARIOS[name].description}")
    mutant = MUTANTS[options.fault] if options.fault else NONE
    count, outcomes = 0, set()
    for run in explore_orders(runner, name, mutant, options.sample, options.seed, options.order):
        count += 1
        outcomes.add(run.outcome)
        if options.order or run.broken_rules:
            return ScenarioResult(name, count, len(outcomes), run, is_complete=True)
        if clock.monotonic() > options.end:
            return ScenarioResult(name, count, len(outcomes), None, is_complete=False)
    return ScenarioResult(name, count, len(outcomes), None, is_complete=True)


def explore_orders(
    runner: ScenarioRunner,
    name: str,
    mutant: StatementMutant = NONE,
    sample: int | None = None,
    seed: int = 0,
    order: str | None = None,
) -> Iterator[Run]:
    """Run a scenario in every order, in some, or in one, and judge each.

    Args:
        where: it runs.
        name: of the scenario.
        mutant: of ours, planted.
        sample: how many, by chance; None: all.
        seed: of the chance.
        order: the steps of one.
    """
    scenario = SCENARIOS[name]
    serial_outcomes = runner.serial_outcomes(scenario, mutant)

    def run(choose: Choose) -> Run:
        return check_serial(runner.run(scenario, choose, mutant), serial_outcomes)

    if order:
        yield run(explorer.follow_steps(order.split()))
    elif sample:
        yield from explorer.run_random_orders(run, sample, seed)
    else:
        yield from explorer.run_every_order(run)


def main(words: Sequence[str] | None = None, collaborators: InterleavingsCollaborators | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(interleavings, "make interleavings", words, collaborators)
