"""`make simulate`: a simulated year of punches and faults, drawn from one seed and checked at every step."""

import re
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

from lab.simulate import schedule, settings
from lab.simulate.checks import BrokenRuleError
from lab.simulate.mutants import MUTANTS
from lab.simulate.plan import Plan, SimulationResult
from lab.simulate.settings import SimulationSettings
from lab.simulate.simulation import Simulation
from tools.kit import commands, shared_options
from tools.kit.files import require_writable, write_atomically
from tools.kit.output import print_result, print_status
from tools.local.temporary import migrated_database

_EMPLOYEES = 56  # 70,000 punches a year: each employee punches four times a day, six days a week
_MAX_SEED = 2**32
_LAST_LINES = 20  # of the trace of a run that breaks a rule

_EPILOG = f"""examples:
  make simulate                                         a year of a random seed, which is printed
  make simulate ARGS="--seed 86"                        the year of a given seed
  make simulate ARGS="--seed 86 --trace year.txt"       also write its trace
  make simulate ARGS="--seeds 50 --days 7"              fifty weeks
  make simulate ARGS="--fault receives --seeds 100 --days 7"

mutants for --fault, which break a rule on purpose:
{chr(10).join(f"  {name:<11} {mutant.description}" for name, mutant in MUTANTS.items())}

exit status: 0 every rule held, 1 a rule was broken and the end of the trace is printed, 2 the request is wrong
"""


@commands.command("simulate", epilog=_EPILOG)
@click.option("--seed", type=click.IntRange(0, _MAX_SEED), help="Seed of the first run (default: random).")
@click.option(
    "--seeds", type=shared_options.POSITIVE, default=1, metavar="N", help="Number of runs, with consecutive seeds."
)
@click.option("--days", type=shared_options.POSITIVE, default=365, metavar="N", help="Days that each run simulates.")
@click.option(
    "--employees", type=shared_options.POSITIVE, default=_EMPLOYEES, metavar="N", help="Number of employees who punch."
)
@click.option("--stage", default="prod", help="Stage whose template is compiled and simulated.")
@click.option("--fault", type=click.Choice(list(MUTANTS)), metavar="NAME", help="Simulate one of the mutants below.")
@click.option("--trace", type=shared_options.FILE, metavar="FILE", help="Write the trace of the last run to this file.")
@shared_options.force
def simulate(
    seed: int | None,
    seeds: int,
    days: int,
    employees: int,
    stage: str,
    fault: str | None,
    trace: Path | None,
    *,
    force: bool,
) -> int:
    """Simulate a year of punches in a minute.

    The real handler drains into a real PostgreSQL. The clock, SQS, Lambda and the network are simulated as their
    documentation describes them. Databases fail, functions are killed, operators pause the drain and react late.

    Checked at every step: each accepted message waits, is one row, or is a dead letter; a good punch becomes a dead
    letter only after an outage of more than 30 hours; and no message expires before its promised time.
    """
    if trace:
        require_writable(trace, force=force)
    deployed = settings.compile_stage(stage)
    if fault:
        deployed = MUTANTS[fault].apply(deployed)
    first_seed = secrets.randbelow(_MAX_SEED) if seed is None else seed
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        # Python and its PostgreSQL work in turn: switching between them is faster on one processor.
        process.cpu_affinity([process.cpu_num()])
    with migrated_database() as url:
        for run_seed in range(first_seed, first_seed + seeds):
            plan = Plan(run_seed, days, range(1, employees + 1), schedule.draw_faults(run_seed, days))
            command = f'make simulate ARGS="--seed {run_seed} --days {days}{f" --fault {fault}" if fault else ""}"'
            print_status(command)
            started_at = time.monotonic()
            with write_atomically(trace) if trace else nullcontext() as file:
                result = run(plan, deployed, url, partial(print, file=file) if file else None)
            if result.broken_rule:
                _print_broken_rule(plan, deployed, url, result.broken_rule, command)
                print_result(str(result))
                return 1
            print_result(f"{result} ({days} days of seed {run_seed} in {time.monotonic() - started_at:.1f} s)")
    return 0


def run(
    plan: Plan, deployed: SimulationSettings, url: str, write_trace: Callable[[str], None] | None = None
) -> SimulationResult:
    """Remove all rows of a database, and simulate a plan on it.

    Args:
        plan: employees, faults and duration.
        deployed: settings of the queues, the mapping and the function.
        url: migrated database, with a superuser.
        write_trace: is called with each line of the trace.
    """
    connect = psycopg2.connect  # kept, because psycopg2.connect is patched while the function runs
    with closing(connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            # In the role `replica` the trigger that forbids a truncate does not fire.
            cursor.execute("set session_replication_role = replica")
            cursor.execute("truncate ponto.batida, ponto.falha")
    fast = "-c synchronous_commit=off"  # commits need not survive a power cut
    return Simulation(plan, deployed, partial(connect, url, options=fast), write_trace).run()


def find_relevant_lines(lines: list[str], broken: BrokenRuleError) -> list[str]:
    """Return the end of a trace, preceded by the earlier lines about the message that breaks the rule."""
    earlier, last = lines[:-_LAST_LINES], lines[-_LAST_LINES:]
    if broken.accepted is None:
        return last
    return [*filter(re.compile(rf"\b{broken.accepted}\b").search, earlier), *last]


def _print_broken_rule(
    plan: Plan, deployed: SimulationSettings, url: str, broken: BrokenRuleError, command: str
) -> None:
    """Repeat a run, and print the lines of its trace that show how a rule was broken."""
    print_status("a rule was broken; running again for the trace")
    lines: list[str] = []
    run(plan, deployed, url, lines.append)
    print_result(*find_relevant_lines(lines, broken), f"complete run, with --trace FILE for its trace: {command}")


def main() -> int:
    """Run the command line of the process."""
    return commands.run(simulate, "make simulate")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
