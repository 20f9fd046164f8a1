"""`make interleavings`: every order in which the statements of two programs can meet."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import NamedTuple

import click

from lab.interleavings import explorer
from lab.interleavings.explorer import Choose
from lab.interleavings.planted import NONE, Planted
from lab.interleavings.runs import Run, Stage, judged, stage
from lab.interleavings.scenarios import PLANTED, SCENARIOS
from tools.kit import commands
from tools.kit import options as opt
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

exit status: 0 every rule held, 1 one was broken, and its steps are printed, 2 the request is wrong
"""


_PROCESSES = 2  # each with a server: a step is taken now by Python, now by PostgreSQL


class Asked(NamedTuple):
    """What is asked of each scenario; see `explore`."""

    fault: str | None
    sample: int | None
    seed: int
    order: str | None


class Explored(NamedTuple):
    """What came of a scenario."""

    name: str
    interleavings: int
    outcomes: int
    shown: Run | None  # the one that was asked for, or broke a rule


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
def interleavings(only: Sequence[str], sample: int | None, seed: int, order: str | None, fault: str | None) -> int:
    """Let the statements of two programs meet in every order.

    The real drain, migrations, redrive and reports run beside each other on a real PostgreSQL. Each stops before every
    statement, every row, every commit; one of them takes the next step, until all orders were tried. What is left must
    be what transactions leave that run one after the other; every message is a row, or is said not to be one; and
    nobody failed, unless he was killed.
    """
    if order and len(only) != 1:
        raise click.UsageError("--order is of one scenario: give one --only.")
    begin, names = time.monotonic(), list(only or SCENARIOS)
    asked = Asked(fault, sample, seed, order)
    parts = [part for part in (names[start::_PROCESSES] for start in range(_PROCESSES)) if part]
    if len(parts) == 1:
        found = find(parts[0], asked)
    else:
        with ProcessPoolExecutor(len(parts)) as processes:
            found = [each for part in processes.map(find, parts, repeat(asked)) for each in part]
    for each in found:
        if each.shown:
            _tell(each.shown)
            if each.shown.broken:
                again = f"--only '{each.name}' --order '{each.shown.order}'{f' --fault {fault}' if fault else ''}"
                print_result(f'again: make interleavings ARGS="{again}"')
                return 1
        print_result(f"{each.name}: {each.interleavings:,} interleavings, {each.outcomes} outcomes")
    total, took = sum(each.interleavings for each in found), time.monotonic() - begin
    print_result(f"{total:,} interleavings of {len(names)} scenarios in {took:.0f} s: all end as serial ones do")
    return 0


def find(names: Sequence[str], asked: Asked) -> list[Explored]:
    """Explore scenarios on a server of their own, one after the other, up to one in which a rule is broken.

    Args:
        names: of the scenarios.
        asked: what of each.
    """
    planted = PLANTED[asked.fault] if asked.fault else NONE
    found: list[Explored] = []
    with server() as url, stage(url) as where:
        for name in names:
            print_status(f"{name}: {SCENARIOS[name].what}")
            count, outcomes, shown = 0, set(), None
            for run in explore(where, name, planted, asked.sample, asked.seed, asked.order):
                count += 1
                outcomes.add(run.outcome)
                if asked.order or run.broken:
                    shown = run
                    break
            found.append(Explored(name, count, len(outcomes), shown))
            if shown and shown.broken:
                break
    return found


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


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(interleavings, "make interleavings", words)
