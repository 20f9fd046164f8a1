"""The command `ponto load employees`."""

import json
from typing import Any, BinaryIO

import click

from slices.faults import require_no_faults
from slices.reports.load import employees
from slices.reports.statements import ZONES
from tools.kit import commands, reader, shared_options, target
from tools.kit.errors import CommandError
from tools.kit.functions import invoke
from tools.kit.output import pluralize, print_json, print_result
from tools.kit.target import TargetOptions

_MAX_REQUEST_BYTES = 6_000_000  # AWS limits an invocation's payload to 6 MiB

_EPILOG = f"""examples:
  ponto load employees employees.csv
  ponto load employees employees.csv --dry-run
  ponto load employees employees.csv --stage dev
  iconv -f windows-1252 -t utf-8 employees.csv | ponto load employees -

{reader.EPILOG}
exit status: 0 done, 2 the file or the database is wrong: nothing was stored
"""


@commands.command("employees", epilog=_EPILOG)
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Print what would change; store nothing.")
@shared_options.as_json
@reader.options
def load_employees(file: BinaryIO, target_options: TargetOptions, *, dry_run: bool, as_json: bool) -> None:
    """Store the employees' names, time zones and cut-offs for the reports.

    FILE is CSV in UTF-8, separated by ; or , (- reads standard input). Its first line names all of these columns, in
    any order:

    \b
      usuario_id   the employee's number
      nome         at most 200 characters
      cpf          11 digits, plain or as 123.456.789-09; may be empty
      fuso         time zone, like America/Sao_Paulo; empty: the stage's
      corte        local time HH:MM at which the working day ends (12:00 for
                   night staff); empty: 04:00

    If any line is wrong, nothing is stored. Employees who are not in the file stay unchanged.
    """
    (zones,) = reader.create_reader(target_options).read(ZONES.bind())
    rows, faults = employees.parse_employees(file.read(), {zone.name for zone in zones})
    require_no_faults(faults, file.name, as_json=as_json)
    counts = _store(target_options, [employee._asdict() for employee in rows], dry_run=dry_run)
    if as_json:
        print_json(counts | {"dryRun": dry_run})
    else:
        print_result(
            f"{'would be ' if dry_run else ''}inserted {counts['inserted']}, changed {counts['changed']}; "
            f"unchanged {counts['unchanged']}; not in the file and unchanged {counts['others']}"
        )


def _store(target_options: TargetOptions, rows: list[dict[str, Any]], *, dry_run: bool) -> dict[str, int]:
    """Store employees by the function `schema` of the stage; return the counts of `employees.load`."""
    request = {"action": "load_employees", "employees": rows, "dryRun": dry_run}
    if len(json.dumps(request)) > _MAX_REQUEST_BYTES:
        raise CommandError(
            f"{pluralize(len(rows), 'employee')} exceed the 6 MB of a Lambda request; load them in several files"
        )
    functions, name = target.function_client(target_options, "schema")
    answer = invoke(functions, name, target_options.stage, request)
    if "counts" not in answer:
        reason = answer.get(
            "refused", f"the function and this command have different versions; deploy stage {target_options.stage}"
        )
        raise CommandError(f"{name}: {reason}; nothing was stored")
    counts: dict[str, int] = answer["counts"]
    return counts
