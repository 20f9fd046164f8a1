"""`make interleavings`: runs two or three programs in every order of their statements."""

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
from lab.interleavings.runs import ScenarioRun, ScenarioRunner, check_serial, open_runner
from lab.interleavings.scenarios import MUTANTS, SCENARIOS
from tools.kit import commands
from tools.kit import options as opt
from tools.kit.clock import CLOCK, Clock
from tools.kit.output import print_result, print_status
from tools.local.temporary import migrated_database

_SCENARIO_LIST = "\n".join(f"  {name:<18} {scenario.description}" for name, scenario in SCENARIOS.items())
_MUTANT_LIST = "\n".join(f"  {name:<13} {mutant.description}" for name, mutant in MUTANTS.items())
_EPILOG = f"""examples:
  make interleavings                                         all orders of all scenarios
  make interleavings ARGS="--sample 20 --seed 86"            20 random orders of each scenario
  make interleavings ARGS="--only same --fault look-up"
  make interleavings ARGS="--only same --order 'A A B A B'"  one order, with its steps

scenarios:
{_SCENARIO_LIST}

mutants for --fault, which break a rule on purpose:
{_MUTANT_LIST}

steps of an order:
  A   the next step of A       A!  A's process is killed
  A~  A's connection is cut    A?  A gives up waiting for a lock

exit status: 0 every rule held, 1 a rule was broken and the steps are printed, or the time was too short for all orders,
2 the request is wrong
"""

_DEFAULT_MINUTES = 30  # four times what all orders take on two processors
_PROCESSES = 2  # scenarios at the same time, each with its own server


@dataclass(frozen=True)
class InterleavingsCollaborators:
    """Clock and server of the command, for scenarios that are explored in its own process."""

    clock: Clock = CLOCK
    server: Callable[[], AbstractContextManager[str]] = migrated_database  # yields the URL of a migrated database


class ExplorationOptions(NamedTuple):
    """Options for each scenario; see `explore_orders`."""

    fault: str | None
    sample: int | None
    seed: int
    order: str | None
    end: float  # time of `Clock.monotonic` after which no order is started


class ScenarioResult(NamedTuple):
    """Result of the exploration of a scenario."""

    name: str
    interleavings: int
    outcomes: int
    run: ScenarioRun | None  # the run of --order, or the one that broke a rule
    is_complete: bool  # all orders were tried


class _Exploration(NamedTuple):
    """Process that explores one scenario."""

    name: str
    process: BaseProcess
    receiver: Connection  # for its `ScenarioResult`


@commands.command("interleavings", epilog=_EPILOG)
@click.option(
    "--only",
    type=click.Choice(list(SCENARIOS)),
    multiple=True,
    show_default=False,
    metavar="SCENARIO",
    help="Explore this scenario only; repeatable (default: all).",
)
@click.option(
    "--sample", type=opt.POSITIVE, show_default=False, metavar="N", help="Number of random orders of each scenario."
)
@click.option("--seed", type=opt.COUNT, default=0, help="Seed of the random orders.")
@click.option(
    "--order",
    cls=opt.MutuallyExclusiveOption,
    excludes=["--sample"],
    show_default=False,
    help="Run one order of a scenario, given by its steps.",
)
@click.option("--fault", type=click.Choice(list(MUTANTS)), show_default=False, help="Run one of the mutants below.")
@click.option("--minutes", type=opt.POSITIVE, default=_DEFAULT_MINUTES, metavar="N", help="Stop after N minutes.")
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
    """Run two or three programs in every order of their statements.

    The real drain, migrations, redrive and reports run concurrently on a real PostgreSQL. Each of them stops before
    every statement, row and commit, and one at a time takes its next step, until all orders have been tried.

    Checked for each order: its result equals that of some serial order of the transactions; every message is stored,
    or reported as failed or dead-lettered; and no program fails unless it was interrupted.
    """
    if order and len(only) != 1:
        raise click.UsageError("--order needs exactly one scenario: give one --only.")
    clock, names = collaborators.clock, list(only or SCENARIOS)
    started_at = clock.monotonic()
    options = ExplorationOptions(fault, sample, seed, order, started_at + 60 * minutes)
    results: list[ScenarioResult] = []
    with closing(_explore(names, options, collaborators)) as explorations:
        for result in explorations:
            results.append(result)
            if not _print_result(result, fault):
                return 1
    total, seconds = sum(result.interleavings for result in results), clock.monotonic() - started_at
    summary = f"{total:,} interleavings of {len(names)} scenarios in {seconds:.0f} s: each ends like a serial order"
    if all(result.is_complete for result in results):
        print_result(summary)
        return 0
    print_result(f"{summary}, but not all were tried; --minutes {2 * minutes} tries more")
    return 1


def _print_result(result: ScenarioResult, fault: str | None) -> bool:
    """Print the result of a scenario; return whether every rule held."""
    if run := result.run:
        print_result(
            *(f"{step:<2}  {position}" for step, position in run.steps),
            *(f"broken: {rule}" for rule in run.broken_rules),
        )
        if run.broken_rules:
            arguments = f"--only '{result.name}' --order '{run.order}'{f' --fault {fault}' if fault else ''}"
            print_result(f'to repeat it: make interleavings ARGS="{arguments}"')
            return False
    note = "" if result.is_complete else "; the time was too short for the others"
    print_result(f"{result.name}: {result.interleavings:,} interleavings, {result.outcomes} outcomes{note}")
    return True


def _explore_scenario(
    name: str, options: ExplorationOptions, collaborators: InterleavingsCollaborators
) -> ScenarioResult:
    with collaborators.server() as url, open_runner(url) as runner:
        return explore_until_broken(runner, name, options, collaborators.clock)


def _explore(
    names: Sequence[str], options: ExplorationOptions, collaborators: InterleavingsCollaborators
) -> Generator[ScenarioResult]:
    """Yield the results of scenarios as they are explored, several scenarios in child processes.

    Closing the generator ends the child processes. It does not use `multiprocessing.Pool`, because `Pool.terminate`
    never returns if a signal to the process group has ended an idle worker, which holds a lock.

    Raises:
        click.ClickException: a process ended without a result; it has printed the reason.
    """
    if len(names) == 1:
        yield _explore_scenario(names[0], options, collaborators)
        return
    waiting, running = deque(names), dict[object, _Exploration]()  # by receiver
    try:
        while waiting or running:
            while waiting and len(running) < _PROCESSES:
                exploration = _start(waiting.popleft(), options)
                running[exploration.receiver] = exploration
            for receiver in wait([exploration.receiver for exploration in running.values()]):
                yield _receive(running.pop(receiver))
    finally:
        for exploration in running.values():
            exploration.process.terminate()
        for exploration in running.values():
            exploration.process.join()


def _receive(exploration: _Exploration) -> ScenarioResult:
    try:
        with exploration.receiver as receiver:
            result: ScenarioResult = receiver.recv()
    except EOFError:
        exploration.process.join()
        status = exploration.process.exitcode
        message = f"{exploration.name}: its process ended with status {status} and without a result; see above."
        raise click.ClickException(message) from None
    exploration.process.join()
    return result


def _start(name: str, options: ExplorationOptions) -> _Exploration:
    """Start a process that explores one scenario and sends its result."""
    context = multiprocessing.get_context("spawn")  # so that no process inherits the open files of another
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, name, options))
    # The child inherits the mask, so that only the command handles Ctrl-C.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        sender.close()
    return _Exploration(name, process, receiver)


def _send_result(sender: Connection, name: str, options: ExplorationOptions) -> None:
    commands.exit_on_sigterm()  # so that SIGTERM also stops the server
    sender.send(_explore_scenario(name, options, InterleavingsCollaborators()))


def explore_until_broken(
    runner: ScenarioRunner, name: str, options: ExplorationOptions, clock: Clock = CLOCK
) -> ScenarioResult:
    """Explore a scenario until an order breaks a rule, all orders were tried, or the time is over."""
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
) -> Iterator[ScenarioRun]:
    """Yield checked runs of a scenario: of all its orders, of a random sample, or of one order.

    Args:
        runner: runs the scenario.
        name: name of the scenario.
        mutant: rewrites the statements.
        sample: number of random orders; None: all orders.
        seed: seed of the random orders.
        order: steps of the only order to run, separated by spaces.
    """
    scenario = SCENARIOS[name]
    serial_outcomes = runner.serial_outcomes(scenario, mutant)

    def run(choose: Choose) -> ScenarioRun:
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
