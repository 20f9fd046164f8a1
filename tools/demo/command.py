"""`ponto demo`: a made-up company's punches, to try the reports on."""

import argparse
import io
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg2.errors
import psycopg2.extensions
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools.kit import database
from tools.kit.database import Database
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result, print_status
from tools.load import command as load

if TYPE_CHECKING:
    from tools.demo.company import Rows

_READ = 256 * 1024  # bytes that psycopg2 asks for at a time
_MOST_MONTHS = 120
_A_DAY = timedelta(days=1)

COUNTS = {
    "punches": "punches",
    "working days": "working days of an employee",
    "night shifts": "of them night shifts",
    "forgotten": "of them with a forgotten punch",
    "odd days": "of them with an odd count (incompleta)",
    "double taps": "second taps, seconds after the first (proxima)",
    "offline batches": "working days sent afterwards, all at once",
    "punched offline": "punches in them",
    "received a day late": "punches received more than a day late (atrasada)",
    "days changed after three": "working days that changed more than three days after their end (reaberta)",
    "wrong clocks": "punches of devices whose clocks are minutes wrong (relogio)",
    "in the future": "of them in the future when they were received (futura)",
    "without offset": "punches of old terminals, which send neither offset nor name nor time of sending",
    "with position": "punches with a position",
    "waited a minute": "punches that waited more than a minute, as the database was away",
}
"""What is counted, and what it means; in brackets what excecoes() calls it."""

_DESCRIPTION = """\
Makes up a company and stores its employees and their punches: day shifts with lunch, part-timers, night shifts,
vacations, forgotten punches, double taps, whole days sent afterwards, wrong clocks, several time zones, and once a
month a database that is away. The same --seed, --until, --months and --employees give the same rows on any day.

A punch that was sent twice has one id, and so one row, as ever: repeats do not show.

Rows of batida are never removed. `make clean` removes the local stack's database with all that is in it.
"""

_EPILOG = """examples:
  ponto demo
  ponto demo --employees 10000 --months 12
  ponto demo --employees 50 --months 1 --until 2026-10 --json
  DB_HOST=... ponto demo --yes-into db.example.com/pontodb

exit status: 0 done, 2 the request or the database is wrong: nothing was stored
"""


def add_to(commands: Any) -> None:
    """Add `demo` to the commands of `ponto` (argparse's subparsers)."""
    parser = commands.add_parser(
        "demo",
        help="a made-up company's punches, to try the reports on",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run)
    parser.add_argument("--employees", type=_count, default=200, metavar="N", help="default 200")
    parser.add_argument("--months", type=_count, default=3, metavar="N", help="default 3")
    parser.add_argument(
        "--until",
        type=_month,
        metavar="YYYY-MM",
        help="the last month (default: the last one of which nothing can be on its way any more)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another gives another company (default 1)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.add_argument(
        "--yes-into", metavar="HOST/DBNAME", help="the database of DB_HOST, named again: it must hold no punches yet"
    )
    database.add_arguments(parser, timeout=0)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from tools.demo import binary_copy as copying
        from tools.demo.company import LARGEST, LONGEST_DELAY, Company
    except ModuleNotFoundError as error:
        raise CommandError(f"{error.name} is missing; pip install -r requirements-tools.txt") from None
    if arguments.employees > LARGEST:
        raise CommandError(f"--employees: at most {LARGEST}")
    if arguments.months > _MOST_MONTHS:
        raise CommandError(f"--months: at most {_MOST_MONTHS}")
    if arguments.seed < 0:
        raise CommandError("--seed: 0 or more")
    last = _last_day(arguments.until or (datetime.now(UTC).date() - LONGEST_DELAY).replace(day=1) - _A_DAY)
    first = _first_day(last, arguments.months)
    into = database.find(arguments)
    _require_meant(into, arguments.yes_into)

    company = Company(arguments.seed, arguments.employees)
    started = time.monotonic()
    with database.connect(arguments, read_only=False) as connection:
        with connection.cursor() as cursor:
            # One transaction: rows cannot be removed, so half a company would be there for ever.
            cursor.execute(load.LOCK)
            _require_room(cursor, company.numbers, alone=not into.local)
            load.store(cursor, company.employees(), dry_run=False)
            chunks = _watched(company.rows(first, last), (last - first).days + 1)
            _copy(cursor, copying.COLUMNS, copying.encode(chunks))
        connection.commit()
        copied = time.monotonic()
        print_status("gathering statistics: vacuum (analyze) batida")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("vacuum (analyze) batida, funcionario")
    stored = copied - started
    result = {
        "employees": {"first": company.numbers[0], "last": company.numbers[1]},
        "days": {"first": str(first), "last": str(last)},
        "seed": arguments.seed,
        "counts": {name: company.counts[name] for name in COUNTS},
        "outage": str(datetime.fromtimestamp(company.outage(last)[0] / 1_000_000, UTC).date()),
        "seconds": round(time.monotonic() - started, 1),
        "rowsPerSecond": round(company.counts["punches"] / stored),
    }
    if arguments.json:
        print_json(result)
    else:
        _tell(result)
    return 0


def _require_meant(into: Database, yes_into: str | None) -> None:
    """Let no made-up punch into a deployment's database by accident."""
    if into.local:
        if yes_into is not None:
            raise CommandError("--yes-into is for the database of DB_HOST, which is not set, or --state was given")
        return
    if yes_into is None:
        raise CommandError(
            f"DB_HOST names {into.name}, where made-up punches would stay for ever; if it is for trying things out, "
            f"say so: --yes-into {into.name}. The local stack's database is the one of --state .local"
        )
    if yes_into != into.name:
        raise CommandError(f"--yes-into {yes_into} is not where DB_HOST and DB_NAME lead: {into.name}")


def _require_room(cursor: psycopg2.extensions.cursor, numbers: tuple[int, int], *, alone: bool) -> None:
    """Refuse where the company's numbers are taken, or, if it is to be alone, where there is any punch."""
    for taken, what in (
        ("select exists (select from batida where usuario_id between %s and %s)", "batida has punches of"),
        ("select exists (select from funcionario where usuario_id between %s and %s)", "funcionario has"),
    ):
        cursor.execute(taken, numbers)
        if cursor.fetchone() == (True,):
            raise CommandError(
                f"{what} employees {numbers[0]} to {numbers[1]} already, maybe of an earlier demo; nothing was stored. "
                "Locally, make clean begins anew"
            )
    if alone:
        cursor.execute("select exists (select from batida)")
        if cursor.fetchone() == (True,):
            raise CommandError("batida has punches already, so this is no database for a demo; nothing was stored")


def _copy(cursor: psycopg2.extensions.cursor, columns: Iterable[str], parts: Iterator[bytes]) -> None:
    stream = _Stream(parts)
    copy = f"copy batida ({', '.join(columns)}) from stdin (format binary)"
    try:
        cursor.copy_expert(copy, io.BufferedReader(stream, _READ), size=_READ)
    except psycopg2.errors.QueryCanceled:
        if stream.error is not None:  # psycopg2 makes this of whatever happens in the reading, Ctrl-C included
            raise stream.error from None
        raise


class _Stream(io.RawIOBase):
    """A file of parts that are made as they are read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.error: BaseException | None = None  # that ended the reading
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._parts))
        except StopIteration:
            return 0
        except BaseException as error:
            self.error = error
            raise
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _watched(chunks: "Iterable[Rows]", days: int) -> "Iterator[Rows]":
    """Pass days on, showing how far it is."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[rows]:,} punches, {task.fields[speed]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("storing", total=days, rows=0, speed=0)
        rows = 0
        for chunk in chunks:
            yield chunk
            rows += len(chunk)
            progress.update(bar, advance=1, rows=rows, speed=rows / (time.monotonic() - started))


def _tell(result: Mapping[str, Any]) -> None:
    for name, explained in COUNTS.items():
        print_result(f"{result['counts'][name]:>12,}  {explained}")
    employees, days = result["employees"], result["days"]
    print_result(
        f"employees {employees['first']} to {employees['last']}, {days['first']} to {days['last']}, "
        f"seed {result['seed']}; {result['seconds']} s, {result['rowsPerSecond']:,} rows/s\n"
        "try next:\n"
        f"  ponto report timecard --employee {employees['first']} --month {days['last'][:7]}\n"
        f"  ponto report exceptions --from {days['last'][:7]}-01 --to {days['last']}\n"
        f"  ponto report peak --day {result['outage']}   the database was away"
    )


def _first_day(last: date, months: int) -> date:
    count = last.year * 12 + last.month - months  # of months since year 0, from 0
    return date(count // 12, count % 12 + 1, 1)


def _last_day(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - _A_DAY


def _month(text: str) -> date:
    if not re.fullmatch(r"20[0-9]{2}-(?:0[1-9]|1[0-2])", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a month from 2000-01 to 2099-12")
    return date.fromisoformat(f"{text}-01")


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
