"""`ponto demo`: stores the punches of a made-up company, to try the reports on."""

import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import click

from slices.reports.demo import store
from slices.reports.demo.company import MAX_DELAY, Company
from tools.kit import commands, database, target
from tools.kit import options as opt
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.output import print_json, print_result, print_status

_MAX_EMPLOYEES = 500_000  # for which there are CPFs and device names
_MAX_MONTHS = 120
_ONE_DAY = timedelta(days=1)

COUNTS = {
    "punches": "punches",
    "workingDays": "working days of an employee",
    "nightShifts": "night shifts among them",
    "forgotten": "working days with a forgotten punch",
    "oddDays": "working days with an odd number of punches (incompleta)",
    "corrected": "working days with a forgotten punch that was added the next day (incluida)",
    "lostByDevices": "punches that a device numbered and lost (faltam)",
    "doubleTaps": "second taps, seconds after the first (proxima)",
    "offlineBatches": "working days whose punches were sent together, afterwards",
    "punchedOffline": "punches of these working days",
    "receivedADayLate": "punches received more than a day late (atrasada)",
    "daysChangedAfterThree": "working days that changed more than three days after their end (reaberta)",
    "wrongClocks": "punches of devices whose clocks are wrong by minutes (relogio)",
    "inTheFuture": "punches with a time after their receipt (futura)",
    "withoutOffset": "punches of old terminals, which send no UTC offset, name or sending time",
    "withPosition": "punches with a position",
    "waitedAMinute": "punches that waited more than a minute because the database was unavailable",
}
"""The keys of `counts` and their descriptions; in parentheses, the terms of excecoes() and lacunas."""

_EPILOG = f"""examples:
  ponto demo
  ponto demo --employees 10000 --months 12
  ponto demo --employees 50 --months 1 --until 2026-10 --json
  ponto demo --database env --yes-into db.example.com/pontodb

{database.EPILOG}
exit status: 0 done, 2 the request or the database is wrong: nothing was stored
"""


@commands.command(epilog=_EPILOG)
@click.option(
    "--employees", type=click.IntRange(1, _MAX_EMPLOYEES), default=200, metavar="N", help="Number of employees."
)
@click.option("--months", type=click.IntRange(1, _MAX_MONTHS), default=3, metavar="N", help="Number of months.")
@click.option(
    "--until",
    type=opt.MONTH,
    help="Last month (default: the latest month whose punches have all arrived by now).",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, metavar="N", help="Seed of the random data.")
@click.option(
    "--yes-into",
    metavar="HOST/DBNAME",
    help="Confirm the database of --database env, which must have no punches.",
)
@opt.as_json
@database.options(timeout=0)
@pass_collaborators
def demo(
    collaborators: Collaborators,
    target_options: target.TargetOptions,
    *,
    employees: int,
    months: int,
    until: date | None,
    seed: int,
    yes_into: str | None,
    as_json: bool,
) -> None:
    """Store the punches of a made-up company, to try the reports on.

    The company has day shifts with lunch, part-time work, night shifts, vacations, forgotten punches, double taps, days
    whose punches are sent later, wrong clocks, several time zones, and once a month an unavailable database. All
    devices except some old terminals number their punches, and lose a few, so that numbers are missing. The same
    --seed, --until, --months and --employees store the same rows on any day.

    Rows of batida can never be removed. `make clean` removes the whole database of the local stack.
    """
    last = _last_day(until or (collaborators.clock.now().date() - MAX_DELAY).replace(day=1) - _ONE_DAY)
    first = _first_day(last, months)
    destination = database.find(target_options)
    store.require_confirmation(destination, yes_into)

    company = Company(seed, employees)
    started = time.monotonic()
    with database.connect(target_options, read_only=False) as connection:
        store.store(connection, company, first, last, must_be_empty=not destination.is_local)
        storing_seconds = time.monotonic() - started
        print_status("updating statistics: vacuum (analyze) batida")
        store.analyze(connection)
        corrected = store.correct(connection, company, last)
    result = {
        "employees": {"first": company.employee_ids[0], "last": company.employee_ids[1]},
        "days": {"first": str(first), "last": str(last)},
        "seed": seed,
        "counts": {name: company.counts[name] for name in COUNTS}
        | {"corrected": corrected, "oddDays": company.counts["oddDays"] - corrected},
        "seconds": round(time.monotonic() - started, 1),
        "rowsPerSecond": round(company.counts["punches"] / storing_seconds),
    }
    if as_json:
        print_json(result)
    else:
        _print(result)


def _print(result: Mapping[str, Any]) -> None:
    for name, meaning in COUNTS.items():
        print_result(f"{result['counts'][name]:>12,}  {meaning}")
    employees, days = result["employees"], result["days"]
    print_result(
        f"employees {employees['first']} to {employees['last']}, {days['first']} to {days['last']}, "
        f"seed {result['seed']}; {result['seconds']} s, {result['rowsPerSecond']:,} rows/s",
        "try next:",
        f"  ponto report timecard --employee {employees['first']} --month {days['last'][:7]}",
        f"  ponto report exceptions --month {days['last'][:7]}",
        f"  ponto report gaps --month {days['last'][:7]}   numbers of lost punches",
    )


def _first_day(last: date, months: int) -> date:
    count = last.year * 12 + last.month - months  # months since year 0
    return date(count // 12, count % 12 + 1, 1)


def _last_day(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - _ONE_DAY
