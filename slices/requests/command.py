"""`ponto requests`: lists, shows, accepts and refuses the employees' requests for corrections."""

from collections.abc import Callable, Sequence
from datetime import date

import click

from ponto.read.statements import Query
from slices.reports.report import options
from slices.reports.report.i18n import Language
from slices.requests.decisions import IdRange, Requests, UndecidedError, parse_id
from slices.requests.review import review as review_requests
from slices.requests.statements import REQUESTS, RequestRow
from tools.kit import commands, listing, reader, shared_options
from tools.kit.clock import CLOCK
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status
from tools.kit.shared_options import ParsedType
from tools.kit.tables import Column
from tools.kit.target import TargetOptions

_EPILOG = f"""examples:
  ponto requests list --waiting --stage dev
  ponto requests review --lang pt --stage dev
  ponto requests show 0199a1f2-7c1e --stage dev
  ponto requests accept ID ID --stage dev
  ponto requests refuse ID --reason "you were on leave" --stage dev

An ID is that of a request, or its first characters.

To accept a request is to correct: the correction has the reason of the request, and is signed by
your AWS credentials, as with `ponto correct`.

{reader.EPILOG}
exit status: 0 done, 1 a request was not decided as asked, 2 the request or the deployment is wrong
"""

_COLUMNS = (
    Column("request"),
    Column("state", wraps=True),
    Column("employee", align_right=True),
    Column("name", wraps=True),
    Column("signed in"),
    Column("asks to", wraps=True),
    Column("reason", wraps=True),
)
_LISTED_ID_LENGTH = 13  # of a UUID of version 7, its time in milliseconds

_REQUEST_ID = ParsedType("ID", "not the id of a request, or its first 8 characters or more", parse_id)
_ids = click.argument("ids", metavar="ID...", type=_REQUEST_ID, nargs=-1, required=True)


@commands.group(epilog=_EPILOG)
def requests() -> None:
    """List, review, accept and refuse the employees' requests for corrections.

    A request counts nowhere before it is accepted.
    """


def _to_cells(row: RequestRow) -> list[str]:
    request_id = row.id[:_LISTED_ID_LENGTH]
    signed_in = "yes" if row.autenticada else "no"
    employee = [str(row.usuario_id), row.nome or ""]
    return [request_id, row.describe_state(), *employee, signed_in, row.describe_punch(), row.motivo]


@listing.command(
    "list",
    epilog="example:\n  ponto requests list --month 2026-11 --waiting --stage dev\n",
    columns=_COLUMNS,
    to_cells=_to_cells,
    empty="no requests",
)
@click.option("--month", type=shared_options.MONTH, help="Month of the punches (default: all).")
@click.option("--waiting", is_flag=True, help="Only requests that wait for a decision.")
def list_requests(month: date | None, *, waiting: bool) -> Query[RequestRow]:
    """List requests with their states."""
    ids = IdRange()
    return REQUESTS.bind(first_id=ids.first, last_id=ids.last, mes=month, waiting=waiting)


requests.add_command(list_requests)


@requests.command(epilog="example:\n  ponto requests review --lang pt --stage dev\n")
@options.language("Language of the questions and results.")
@reader.options
@pass_collaborators
def review(collaborators: Collaborators, target_options: TargetOptions, language: Language) -> None:
    """Decide the waiting requests one after the other.

    Shows each with the punches and hours of its day, of the day before and of the day after.
    """
    review_requests(target_options, language, collaborators.clock)


@requests.command(epilog="example:\n  ponto requests show 0199a1f2-7c1e --stage dev\n")
@click.argument("ids", metavar="ID", type=_REQUEST_ID)
@shared_options.as_json
@reader.options
def show(target_options: TargetOptions, ids: IdRange, *, as_json: bool) -> None:
    """Show a request and its decision."""
    try:
        row = Requests(target_options, CLOCK).find(ids)
    except UndecidedError as error:
        raise CommandError(f"{ids.prefix}: {error}", status=1) from None
    if as_json:
        print_json(listing.row_to_json(row))
        return
    author = "signed in" if row.autenticada else "not signed in: the author is not known"
    print_result(
        f"request: {row.id}, of {row.criada_em:%Y-%m-%dT%H:%M:%SZ}",
        f"employee: {row.usuario_id}{f', {row.nome}' if row.nome else ''} ({author})",
        f"asks to: {row.describe_punch()}{f', punch {row.batida_id}' if row.batida_id else ''}",
        f"reason: {row.motivo}",
        f"state: {row.describe_state()}",
        *row.describe_decisions(),
    )


@requests.command(epilog="example:\n  ponto requests accept 0199a1f2-7c1e --stage dev\n")
@_ids
@reader.options
@pass_collaborators
def accept(collaborators: Collaborators, target_options: TargetOptions, ids: Sequence[IdRange]) -> None:
    """Accept requests: write a correction for each.

    What was undone is not corrected again: use `ponto correct`.
    """
    requests = Requests(target_options, collaborators.clock)
    _decide_each(requests, ids, requests.accept)


@requests.command(epilog='example:\n  ponto requests refuse ID --reason "you were on leave" --stage dev\n')
@_ids
@click.option("--reason", required=True, metavar="TEXT", help="Reason, which the employee reads: 3 to 200 characters.")
@reader.options
@pass_collaborators
def refuse(collaborators: Collaborators, target_options: TargetOptions, ids: Sequence[IdRange], reason: str) -> None:
    """Refuse requests that wait, or whose punch was corrected otherwise."""
    requests = Requests(target_options, collaborators.clock)
    _decide_each(requests, ids, lambda row: requests.refuse(row, reason))


def _decide_each(requests: Requests, ids: Sequence[IdRange], decide: Callable[[RequestRow], str]) -> None:
    """Decide requests one after the other, and print each result.

    Raises:
        CommandError: some of them were not decided, or the API failed.
    """
    undecided = 0
    for request_ids in ids:
        try:
            row = requests.find(request_ids)  # just before the decision, because others decide at the same time
            print_result(decide(row))
        except UndecidedError as error:
            print_status(f"ponto: {request_ids.prefix}: {error}")
            undecided += 1
    if undecided:
        raise CommandError(f"{pluralize(undecided, 'request')} not decided as asked", status=1)
