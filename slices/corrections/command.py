"""`ponto correct`: adds forgotten punches, and disregards wrong ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any, BinaryIO

import click

from ponto.read.statements import Query
from slices import spreadsheet
from slices.corrections.send import send_corrections
from slices.corrections.statements import CORRECTION_LIST, EMPLOYEE_PUNCHES, ListedCorrectionRow
from slices.corrections.write import CorrectionsRefusedError
from slices.faults import require_no_faults
from slices.spreadsheet import Fault, Faults
from tools.kit import commands, listing, reader, shared_options, target
from tools.kit.clock import Clock
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result
from tools.kit.tables import Column
from tools.kit.target import TargetOptions

_EPILOG = f"""examples:
  ponto correct add --employee 123 --at 2026-11-03T18:00 --reason "no tablet"
  ponto correct disregard --employee 123 --at 2026-11-03T08:01 --reason twice
  ponto correct disregard ID --reason "punched twice" --stage dev
  ponto correct undo ID --reason "was at home" --stage dev
  ponto correct apply --file corrections.csv --stage dev
  ponto correct list --month 2026-11 --stage dev

With --stage, your AWS credentials sign the request, and the author of the corrections is the
identity that AWS verified. On the local stack, the author is "local", which is not verified.

{reader.EPILOG}
exit status: 0 done, 1 refused, and nothing was written, 2 the request or the deployment is wrong
"""

_FILE_COLUMNS = ("tipo", "usuario_id", "ponto", "alvo", "motivo")

_OPTION_NAMES = {"usuarioId": "--employee", "ponto": "--at", "alvo": "ID", "motivo": "--reason", "id": "--id"}
"""Options and arguments of the commands, by field of the API."""

_MAX_UTC_OFFSET = timedelta(hours=15)

_ACTION_NAMES = {"inclusao": "added", "desconsideracao": "disregarded", "anulacao": "undone"}
_COLUMNS = (
    Column("correction"),
    Column("what", wraps=True),
    Column("employee", align_right=True),
    Column("punch"),
    Column("reason", wraps=True),
    Column("by", wraps=True),
)


@commands.group(epilog=_EPILOG)
def correct() -> None:
    """Add forgotten punches, and disregard wrong ones.

    Corrections are separate rows with an author and a reason. The punches themselves never change.
    """


def _writing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that writes one correction, and pass it the clock."""

    @wraps(command)
    def call(collaborators: Collaborators, *args: Any, **values: Any) -> Any:
        return command(*args, clock=collaborators.clock, **values)

    reason = click.option("--reason", required=True, metavar="TEXT", help="Reason: 3 to 200 characters, on one line.")
    identifier = click.option(
        "--id",
        "identifier",
        metavar="UUID",
        help="Id of the correction, a UUID of version 8 that begins with c (default: a derived id).",
    )
    return reason(identifier(shared_options.as_json(target.options(pass_collaborators(call)))))


@correct.command(epilog='example:\n  ponto correct add --employee 123 --at 2026-11-03T18:00 --reason "no tablet"\n')
@click.option(
    "--employee", "employee_id", type=shared_options.EMPLOYEE, required=True, metavar="N", help="The employee's number."
)
@click.option(
    "--at",
    type=shared_options.TIME,
    required=True,
    help="Time of the forgotten punch; without an offset, in the employee's time zone.",
)
@_writing_options
def add(target_options: TargetOptions, employee_id: int, at: datetime, **values: Any) -> None:
    """Add a forgotten punch."""
    _write_correction(target_options, {"tipo": "inclusao", "usuarioId": employee_id, "ponto": at.isoformat()}, **values)


@correct.command(
    epilog="""examples:
  ponto correct disregard --employee 123 --at 2026-10-21T13:53 --reason twice
  ponto correct disregard 0190163d-8694-739b-aea5-966c26f8ad91 --reason twice
"""
)
@click.argument("target", metavar="[ID]", required=False)
@click.option(
    "--employee",
    "employee_id",
    type=shared_options.EMPLOYEE,
    metavar="N",
    help="Instead of ID, with --at: the employee's number.",
)
@click.option(
    "--at", type=shared_options.TIME, help="Minute of the punch; without an offset, in the employee's time zone."
)
@_writing_options
def disregard(
    target_options: TargetOptions,
    target: str | None,
    employee_id: int | None,
    at: datetime | None,
    *,
    as_json: bool,
    **values: Any,
) -> None:
    """Disregard a punch, sent or added, so that it no longer counts.

    ID is that of the punch, as `ponto trace` prints it, or of the correction that added it. If --employee and --at
    match several punches, their IDs are listed, and nothing is written.
    """
    with _report_refusal(as_json=as_json):
        if employee_id and at and target is None:
            target = _find_punch_id(target_options, employee_id, at)
        elif employee_id or at or target is None:
            raise click.UsageError("Give either ID, or both --employee and --at.")
    _write_correction(target_options, {"tipo": "desconsideracao", "alvo": target}, as_json=as_json, **values)


@correct.command(epilog='example:\n  ponto correct undo cf32fcf9-0c91-818c-96b7-a3aed8ff92a0 --reason "at home"\n')
@click.argument("target", metavar="ID")
@_writing_options
def undo(target_options: TargetOptions, target: str, **values: Any) -> None:
    """Undo a correction.

    ID is that of the correction which added or disregarded a punch.
    """
    _write_correction(target_options, {"tipo": "anulacao", "alvo": target}, **values)


@correct.command(epilog="example:\n  ponto correct apply --file corrections.csv --stage dev\n")
@click.option("--file", type=click.File("rb"), required=True, help="CSV file; - reads the standard input.")
@shared_options.as_json
@target.options
@pass_collaborators
def apply(collaborators: Collaborators, target_options: TargetOptions, file: BinaryIO, *, as_json: bool) -> None:
    """Write the corrections of a file, all or nothing.

    The file is CSV in UTF-8, separated by ; or by commas. Its first line names all of these columns, in any order:

    \b
      tipo         inclusao (add), desconsideracao (disregard) or anulacao (undo)
      usuario_id   inclusao: employee's number; otherwise empty
      ponto        inclusao: time, such as 2026-11-03T18:00; otherwise empty
      alvo         inclusao: empty; otherwise id of the punch or correction
      motivo       reason
    """
    lines, faults = spreadsheet.read(file.read(), _FILE_COLUMNS)
    rows = [(line, dict(zip(_FILE_COLUMNS, cells, strict=True))) for line, cells in lines]
    if not rows and not faults:
        raise CommandError(f"{file.name}: no line with a correction")
    stored: list[dict[str, Any]] = []
    if not faults:
        try:
            stored = send_corrections(target_options, [_parse_cells(cells) for _, cells in rows], collaborators.clock)
        except CorrectionsRefusedError as error:
            refused = [Fault(rows[position][0], None, reason) for position, reason in sorted(error.reasons.items())]
            faults = Faults(refused)
    require_no_faults(faults, file.name, as_json=as_json, name="refused", status=1)
    _print_result(stored, [cells["tipo"] for _, cells in rows], as_json=as_json)


def _write_correction(
    target_options: TargetOptions,
    fields: Mapping[str, Any],
    reason: str,
    identifier: str | None,
    clock: Clock,
    *,
    as_json: bool,
) -> None:
    with _report_refusal(as_json=as_json):
        stored = send_corrections(target_options, [{**fields, "motivo": reason, "id": identifier}], clock)
    _print_result(stored, [fields["tipo"]], as_json=as_json)


@contextmanager
def _report_refusal(*, as_json: bool) -> Iterator[None]:
    """Convert the refusal of a command's only correction to an error that names the command's options."""
    try:
        yield
    except CorrectionsRefusedError as error:
        field, colon, rule = error.reasons[0].partition(": ")
        reason = f"{_OPTION_NAMES.get(field, field)}{colon}{rule}"
        if as_json:
            print_json({"refused": [{"what": reason}]})
        raise CommandError(f"refused: {reason}; nothing was written", status=1) from None


def _find_punch_id(target_options: TargetOptions, employee_id: int, at: datetime) -> str:
    """Return the id of the only punch, sent or added, of an employee in a minute.

    Args:
        at: time within the minute; if naive, in the employee's time zone.

    Raises:
        CorrectionsRefusedError: no punch of the minute counts, or several do.
        CommandError: see `Reader.read`.
    """
    minute = at.replace(second=0, microsecond=0)
    margin = timedelta(0) if minute.tzinfo else _MAX_UTC_OFFSET
    first = minute if minute.tzinfo else minute.replace(tzinfo=UTC)
    until = first + timedelta(minutes=1) + margin
    query = EMPLOYEE_PUNCHES.bind(employee_id=employee_id, de=first - margin, ate=until)
    (rows,) = reader.create_reader(target_options).read(query)
    punches = [row for row in rows if minute.tzinfo or row.local.replace(second=0, microsecond=0) == minute]
    candidates = [punch for punch in punches if punch.desconsiderada_por is None]
    if len(candidates) == 1:
        return candidates[0].id
    when = f"at {minute.isoformat(timespec='minutes')}"
    if candidates:
        choices = ", ".join(f"{punch.id} ({punch.format_time()}{', added' * punch.e_incluida})" for punch in candidates)
        raise CorrectionsRefusedError(
            {0: f"employee {employee_id} has {len(candidates)} punches {when}; give the ID of one: {choices}"}
        )
    disregarded = [
        f"; {punch.id} is disregarded already, by correction {punch.desconsiderada_por}" for punch in punches
    ]
    raise CorrectionsRefusedError({0: f"employee {employee_id} has no punch that counts {when}{''.join(disregarded)}"})


def _print_result(stored: Sequence[Mapping[str, Any]], kinds: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"corrections": stored})
        return
    for correction, kind in zip(stored, kinds, strict=True):
        when = f", {correction['ponto']}" if correction["ponto"] else ""
        action = _ACTION_NAMES[kind] if correction["situacao"] == "gravada" else f"{_ACTION_NAMES[kind]} already"
        print_result(f"{action}: {correction['id']}, of employee {correction['usuarioId']}{when}")


def _parse_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return the cells of a line as a JSON object of the API, which refuses an invalid employee number as text."""
    number = cells["usuario_id"]
    employee_id = int(number) if number.isascii() and number.isdecimal() and len(number) <= 16 else number
    return {"usuarioId": employee_id or None} | {
        name: cells[name] or None for name in _FILE_COLUMNS if name != "usuario_id"
    }


def _to_cells(row: ListedCorrectionRow) -> list[str]:
    requests = {None: "", True: ", at the employee's request", False: ", at the employee's request (not signed in)"}
    action = f"{_ACTION_NAMES[row.tipo]}{requests[row.pedido_autenticado]}{', undone' if row.desfeita else ''}"
    return [row.id, action, str(row.usuario_id), f"{row.local:%Y-%m-%d %H:%M}", row.motivo, row.autor]


def _to_json(row: ListedCorrectionRow) -> dict[str, Any]:
    return {
        "written": row.criada_em.isoformat(),
        "id": row.id,
        "kind": row.tipo,
        "isUndone": row.desfeita,
        "employee": row.usuario_id,
        "instant": row.ponto.isoformat(),
        "local": row.local.isoformat(),
        "target": row.alvo,
        "reason": row.motivo,
        "author": row.autor,
        "requestIsSignedIn": row.pedido_autenticado,
    }


@listing.command(
    "list",
    epilog="example:\n  ponto correct list --month 2026-11 --stage dev\n",
    columns=_COLUMNS,
    to_cells=_to_cells,
    to_json=_to_json,
    empty="no corrections",
)
@click.option("--month", type=shared_options.MONTH, required=True, help="Month of the corrected punches.")
def list_corrections(month: date) -> Query[ListedCorrectionRow]:
    """List a month's corrections, including those that were undone."""
    return CORRECTION_LIST.bind(mes=month)


correct.add_command(list_corrections)
