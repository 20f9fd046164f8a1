"""`ponto load`: tables that a file fills."""

import json
import sys
from pathlib import Path

import click
import psycopg2.extensions

from tools.kit import commands, database
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import counted, print_json, print_result, print_status
from tools.load import employees
from tools.load.employees import Employee

_SQL = Path(__file__).parent / "sql"
_COMPARE = (_SQL / "employees_compare.sql").read_text(encoding="utf-8")
_STORE = (_SQL / "employees_store.sql").read_text(encoding="utf-8")
_ZONES = "select name from pg_timezone_names"
LOCK = "lock table funcionario in share row exclusive mode"
"""Readers go on; another load waits, so that the counts are true."""

_EPILOG = f"""examples:
  ponto load employees employees.csv
  ponto load employees employees.csv --dry-run
  iconv -f windows-1252 -t utf-8 employees.csv | ponto load employees -

{database.EPILOG}
exit status: 0 done, 2 the file or the database is wrong: nothing was stored
"""


@commands.group(epilog=_EPILOG)
def load() -> None:
    """Employees, for the reports, from a file."""


@load.command("employees", epilog=_EPILOG)
@click.argument("file")
@click.option("--dry-run", is_flag=True, show_default=False, help="Print what would change; store nothing.")
@opt.as_json
@database.options()
def load_employees(file: str, where: database.Where, *, dry_run: bool, as_json: bool) -> None:
    """Give the reports the employees' names, time zones and cut-offs.

    FILE (- reads the standard input) is CSV in UTF-8, with ; or , between. Its first line names all of the columns, in
    any order:

    \b
      usuario_id   the employee's number
      nome         at most 200 characters
      cpf          11 digits, plain or as 123.456.789-09; may be empty
      fuso         time zone, as America/Sao_Paulo; empty: the stage's
      corte        HH:MM, local, where the working day ends (12:00 for night
                   staff); empty: 04:00

    All of the file is stored, or, if anything is wrong in it, nothing. Employees who are not in it are left as they
    are.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    with database.connect(where, read_only=dry_run) as connection, connection.cursor() as cursor:
        cursor.execute(_ZONES)
        found, faults = employees.read(content, {zone for (zone,) in cursor.fetchall()})
        if faults:
            if as_json:
                print_json({"faults": [fault._asdict() for fault in faults]})
            else:
                for fault in faults:
                    print_status(str(fault))
            raise CommandError(f"{file}: {counted(len(faults), 'fault')}; nothing was stored")
        counts = store(cursor, found, dry_run=dry_run)
        connection.commit()
    if as_json:
        print_json(counts | {"dryRun": dry_run})
    else:
        print_result(
            f"{'would be ' if dry_run else ''}inserted {counts['inserted']}, changed {counts['changed']}; "
            f"unchanged {counts['unchanged']}; not in the file and left as they are {counts['others']}"
        )


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
