"""`ponto demo`: a made-up company's punches, to try the reports on."""

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from slices.reports.demo import store
from slices.reports.demo.company import LONGEST_DELAY, Company
from tools.kit import commands, database, target
from tools.kit import options as opt
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.output import print_json, print_result, print_status

_LARGEST = 500_000  # employees; so far their CPFs are a range of their own, and the devices' names of one width
_MOST_MONTHS = 120
_A_DAY = timedelta(days=1)

COUNTS = {
    "punches": "punches",
    "workingDays": "working days of an employee",
    "nightShifts": "of them night shifts",
    "forgotten": "of them with a forgotten punch",
    "oddDays": "of them with an odd count (incompleta)",
    "corrected": "of those with an odd count, corrected the next day (incluida), and odd no more",
    "lostByDevices": "forgotten punches that a device had numbered, and lost (faltam)",
    "doubleTaps": "second taps, seconds after the first (proxima)",
    "offlineBatches": "working days sent afterwards, all at once",
    "punchedOffline": "punches in them",
    "receivedADayLate": "punches received more than a day late (atrasada)",
    "daysChangedAfterThree": "working days that changed more than three days after their end (reaberta)",
    "wrongClocks": "punches of devices whose clocks are minutes wrong (relogio)",
    "inTheFuture": "of them in the future when they were received (futura)",
    "withoutOffset": "punches of old terminals, which send neither offset nor name nor time of sending",
    "withPosition": "punches with a position",
    "waitedAMinute": "punches that waited more than a minute, as the database was away",
}
"""What is counted, and what it means; in brackets what excecoes() and lacunas call it."""

_EPILOG = f"""examples:
  ponto demo
  ponto demo --employees 10000 --months 12
  ponto demo --employees 50 --months 1 --until 2026-10 --json
  ponto demo --database env --yes-into db.example.com/pontodb

{database.EPILOG}
exit status: 0 done, 2 the request or the database is wrong: nothing was stored
"""


@commands.command(epilog=_EPILOG)
@click.option("--employees", type=opt.IntegerRange(1, _LARGEST), default=200, metavar="N", help="How many.")
@click.option("--months", type=opt.IntegerRange(1, _MOST_MONTHS), default=3, metavar="N", help="How many.")
@click.option(
    "--until",
    type=opt.MONTH,
    help="The last month (default: the last one of which nothing can be on its way any more).",
)
@click.option("--seed", type=opt.IntegerRange(min=0), default=1, metavar="N", help="Another gives another company.")
@click.option(
    "--yes-into", metavar="HOST/DBNAME", help="That of --database env, named again: it must hold no punches yet."
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
    """A made-up company's punches, to try the reports on.

    Makes up a company and stores its employees and their punches: day shifts with lunch, part-timers, night shifts,
    vacations, forgotten punches, double taps, whole days sent afterwards, wrong clocks, several time zones, and once a
    month a database that is away. Devices number their punches, but for some old terminals; a few punches they lose, so
    that their numbers are missing. The same --seed, --until, --months and --employees give the same rows on any day.

    A punch that was sent twice has one id, and so one row, as ever: repeats do not show.

    Rows of batida are never removed. `make clean` removes the local stack's database with all that is in it.
    """
    last = _last_day(until or (collaborators.clock.now().date() - LONGEST_DELAY).replace(day=1) - _A_DAY)
    first = _first_day(last, months)
    into = database.find(target_options)
    store.require_meant(into, yes_into)

    company = Company(seed, employees)
    started = time.monotonic()
    with database.connect(target_options, read_only=False) as connection:
        store.store(connection, company, first, last, alone=not into.is_local)
        stored = time.monotonic() - started
        print_status("gathering statistics: vacuum (analyze) batida")
        store.analyze(connection)
        corrected = store.correct(connection, company, last)
    result = {
        "employees": {"first": company.numbers[0], "last": company.numbers[1]},
        "days": {"first": str(first), "last": str(last)},
        "seed": seed,
        "counts": {name: company.counts[name] for name in COUNTS}
        | {"corrected": corrected, "oddDays": company.counts["oddDays"] - corrected},
        "outage": str(datetime.fromtimestamp(company.outage(last)[0] / 1_000_000, UTC).date()),
        "seconds": round(time.monotonic() - started, 1),
        "rowsPerSecond": round(company.counts["punches"] / stored),
    }
    if as_json:
        print_json(result)
    else:
        _print(result)


def _print(result: Mapping[str, Any]) -> None:
    for name, explained in COUNTS.items():
        print_result(f"{result['counts'][name]:>12,}  {explained}")
    employees, days = result["employees"], result["days"]
    print_result(
        f"employees {employees['first']} to {employees['last']}, {days['first']} to {days['last']}, "
        f"seed {result['seed']}; {result['seconds']} s, {result['rowsPerSecond']:,} rows/s",
        "try next:",
        f"  ponto report timecard --employee {employees['first']} --month {days['last'][:7]}",
        f"  ponto report exceptions --month {days['last'][:7]}",
        f"  ponto report gaps --month {days['last'][:7]}   numbers of punches that devices lost",
        f"  ponto report peak --day {result['outage']}   the database was away",
    )


def _first_day(last: date, months: int) -> date:
    count = last.year * 12 + last.month - months  # of months since year 0, from 0
    return date(count // 12, count % 12 + 1, 1)


def _last_day(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - _A_DAY
