"""`ponto load`: tables that a file fills."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import psycopg2.extensions

from tools.kit import database
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result, print_status
from tools.load import employees
from tools.load.employees import Employee

_SQL = Path(__file__).parent / "sql"
_COMPARE = (_SQL / "employees_compare.sql").read_text(encoding="utf-8")
_STORE = (_SQL / "employees_store.sql").read_text(encoding="utf-8")
_ZONES = "select name from pg_timezone_names"
LOCK = "lock table funcionario in share row exclusive mode"
"""Readers go on; another load waits, so that the counts are true."""

_DESCRIPTION = """\
Gives the reports the employees' names, time zones and cut-offs.

FILE is CSV in UTF-8, with ; or , between. Its first line names all of the columns, in any order:
  usuario_id   the employee's number
  nome         at most 200 characters
  cpf          11 digits, plain or as 123.456.789-09; may be empty
  fuso         time zone, as America/Sao_Paulo; empty: the stage's
  corte        HH:MM, local, at which the working day ends (12:00 for night staff); empty: 04:00

All of the file is stored, or, if anything is wrong in it, nothing. Employees who are not in it are left as they are.
"""

_EPILOG = """examples:
  ponto load employees employees.csv
  ponto load employees employees.csv --dry-run
  iconv -f windows-1252 -t utf-8 employees.csv | ponto load employees -

exit status: 0 done, 2 the file or the database is wrong: nothing was stored
"""


def add_to(commands: Any) -> None:
    """Add `load` to the commands of `ponto` (argparse's subparsers)."""
    parser = commands.add_parser("load", help="employees, for the reports, from a file")
    tables = parser.add_subparsers(metavar="table", required=True)
    loading = tables.add_parser(
        "employees",
        help="names, CPFs, time zones and cut-offs, from CSV",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    loading.set_defaults(run=_employees)
    loading.add_argument("file", metavar="FILE", help="- reads the standard input")
    loading.add_argument("--dry-run", action="store_true", help="say what would change; store nothing")
    loading.add_argument("--json", action="store_true", help="the result as JSON")
    database.add_arguments(loading)


def _employees(arguments: argparse.Namespace) -> int:
    content = _content(arguments.file)
    with database.connect(arguments, read_only=arguments.dry_run) as connection, connection.cursor() as cursor:
        cursor.execute(_ZONES)
        found, faults = employees.read(content, {zone for (zone,) in cursor.fetchall()})
        if faults:
            if arguments.json:
                print_json({"faults": [fault._asdict() for fault in faults]})
            else:
                for fault in faults:
                    print_status(str(fault))
            raise CommandError(
                f"{arguments.file}: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}; nothing was stored"
            )
        counts = store(cursor, found, dry_run=arguments.dry_run)
        connection.commit()
    if arguments.json:
        print_json(counts | {"dryRun": arguments.dry_run})
    else:
        print_result(
            f"{'would be ' if arguments.dry_run else ''}inserted {counts['inserted']}, changed {counts['changed']}; "
            f"unchanged {counts['unchanged']}; not in the file and left as they are {counts['others']}"
        )
    return 0


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None


def store(cursor: psycopg2.extensions.cursor, found: list[Employee], *, dry_run: bool) -> dict[str, int]:
    """Store employees, in the transaction of the cursor, unless it is only to be tried.

    Returns:
        How many are inserted, changed, unchanged, and how many others there are.
    """
    document = {"employees": json.dumps([employee._asdict() for employee in found])}
    if not dry_run:
        cursor.execute(LOCK)
    cursor.execute(_COMPARE, document)
    counts = dict(zip(("inserted", "changed", "unchanged", "others"), cursor.fetchone() or (), strict=True))
    if not dry_run:
        cursor.execute(_STORE, document)
    return counts
