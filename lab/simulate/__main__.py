"""`make simulate`: a year of punches in a minute, from one seed, and what must hold at every step of it."""

import secrets
import sys
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

import click
import psutil
import psycopg2

from lab.simulate import schedule, settings, story
from lab.simulate.checks import BrokenRuleError
from lab.simulate.mutants import MUTANTS
from lab.simulate.plan import Plan, SimulationResult
from lab.simulate.settings import SimulationSettings
from lab.simulate.simulation import Simulation
from tools.kit import commands
from tools.kit import options as opt
from tools.kit.files import draft, require_writable
from tools.kit.output import print_result, print_status
from tools.local.temporary import migrated_database

_EMPLOYEES = 56  # of whom each has a day off a week: 70,000 punches a year
_LARGEST_SEED = 2**32

_EPILOG = f"""examples:
  make simulate                                         a year, from a seed that is printed
  make simulate ARGS="--seed 86"                        the same year again
  make simulate ARGS="--seed 86 --trace year.txt"       with every step of it
  make simulate ARGS="--seeds 50 --days 7"              fifty weeks
  make simulate ARGS="--fault receives --seeds 100 --days 7"

planted faults, mistakes of ours, to see that they are found:
{chr(10).join(f"  {name:<11} {planted.description}" for name, planted in MUTANTS.items())}

exit status: 0 every rule held, 1 one was broken, and the story of it is printed, 2 the request is wrong
"""


@commands.command("simulate", epilog=_EPILOG)
@click.option("--seed", type=click.IntRange(0, _LARGEST_SEED), show_default=False, help="Of everything that happens.")
@click.option("--seeds", type=opt.POSITIVE, default=1, metavar="N", help="Runs: the seed, the next one, and so on.")
@click.option("--days", type=opt.POSITIVE, default=365, metavar="N", help="Of each run.")
@click.option("--employees", type=opt.POSITIVE, default=_EMPLOYEES, metavar="N", help="Who punch.")
@click.option("--stage", default="prod", help="Whose compiled template is deployed.")
@click.option(
    "--template", type=opt.FILE, metavar="FILE", help="Compiled already: cloudformation-template-update-stack.json."
)
@click.option("--fault", type=click.Choice(list(MUTANTS)), metavar="NAME", help="Plant a mistake, of those below.")
@click.option("--trace", type=opt.FILE, metavar="FILE", help="Write every step there, of the last run.")
@opt.force
def simulate(
    seed: int | None,
    seeds: int,
    days: int,
    employees: int,
    stage: str,
    template: Path | None,
    fault: str | None,
    trace: Path | None,
    *,
    force: bool,
) -> int:
    """Live through a year of punches in a minute.

    The real handler drains into a real PostgreSQL. Only the clock, the queue, Lambda and the network are simulated, as
    their documentation describes them; databases fail, functions die, operators pause and come late. At every step and
    in the end each accepted message is a row, a dead letter, or waits; none is twice; no good punch is a dead letter of
    an outage shorter than promised; and nothing expires earlier than promised.
    """
    if trace:
        require_writable(trace, force=force)
    deployed = settings.read_template_file(template) if template else settings.compile_stage(stage)
    if fault:
        deployed = MUTANTS[fault].apply(deployed)
    first = secrets.randbelow(_LARGEST_SEED) if seed is None else seed
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        # Python and PostgreSQL, which it starts, take turns: on one processor each wakes the other sooner.
        process.cpu_affinity([process.cpu_num()])
    with migrated_database() as url:
        for each in range(first, first + seeds):
            plan = Plan(each, days, range(1, employees + 1), schedule.draw_faults(each, days))
            again = f'make simulate ARGS="--seed {each} --days {days}{f" --fault {fault}" if fault else ""}"'
            print_status(again)
            begin = time.monotonic()
            with draft(trace) if trace else nullcontext() as file:
                outcome = run(plan, deployed, url, partial(print, file=file) if file else None)
            if outcome.broken_rule:
                return _print_outcome(plan, deployed, url, outcome, again)
            print_result(f"{outcome} ({days} days of seed {each} in {time.monotonic() - begin:.1f} s)")
    return 0


def run(
    plan: Plan, deployed: SimulationSettings, url: str, write_trace: Callable[[str], None] | None = None
) -> SimulationResult:
    """Run a plan on a database, whose rows are removed before.

    Args:
        plan: what happens.
        deployed: what is deployed.
        url: of a migrated database, as its superuser.
        write_trace: takes each line of the trace.
    """
    connect = psycopg2.connect  # which is replaced while the function runs
    with closing(connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            # As a replica, or the table's own guard would refuse.
            cursor.execute("set session_replication_role = replica")
            cursor.execute("truncate ponto.batida, ponto.falha")
    # What is committed need not survive a power cut: only who sees it matters. A row whose commit comes late locks its
    # id, and who waits for it here is the one who would commit.
    options = "-c synchronous_commit=off -c lock_timeout=2000"
    return Simulation(plan, deployed, partial(connect, url, options=options), write_trace).run()


def _print_outcome(plan: Plan, deployed: SimulationSettings, url: str, outcome: SimulationResult, again: str) -> int:
    print_status("a rule was broken; making the story short")

    def breaks(candidate: Plan) -> BrokenRuleError | None:
        return run(candidate, deployed, url).broken_rule

    assert outcome.broken_rule is not None  # noqa: S101  by the caller
    short = story.shorten(plan, outcome.broken_rule, breaks)
    lines: list[str] = []
    run(short, deployed, url, lines.append)
    for line in story.condense(lines):
        print_result(line)
    print_result(f"the whole of it: {again}")
    print_result(str(outcome))
    return 1


def main() -> int:
    """Run the command line of the process."""
    return commands.run(simulate, "make simulate")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
