"""`ponto requests`: lists, accepts and refuses the employees' requests for corrections."""

import shlex
from collections.abc import Callable, Sequence
from datetime import date

import click

from ponto.read.statements import Query
from ponto.shared.fields import parse_any_uuid
from slices.corrections.send import describe_failure, post_corrections, post_signed
from slices.corrections.write import CorrectionsRefusedError
from slices.requests.statements import REQUESTS, RequestRow
from tools.kit import commands, listing, reader, shared_options, target
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status
from tools.kit.tables import Column
from tools.kit.target import TargetOptions

_EPILOG = f"""examples:
  ponto requests list --waiting --stage dev
  ponto requests show ID --stage dev
  ponto requests accept ID ID --stage dev
  ponto requests refuse ID --reason "you were on leave" --stage dev

To accept a request is to correct: the correction has the reason of the request, and is signed by
your AWS credentials, as with `ponto correct`.

{reader.EPILOG}
exit status: 0 done, 1 a request was not decided as asked, 2 the request or the deployment is wrong
"""

_COLUMNS = (
    Column("request"),
    Column("state", wraps=True),
    Column("employee", align_right=True),
    Column("signed in"),
    Column("asks to", wraps=True),
    Column("reason", wraps=True),
)


class _RequestId(click.ParamType[str]):
    name = "ID"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_any_uuid(value)
        except ValueError:
            self.fail(f"{value!r} is not the full id of a request", param, ctx)


_ids = click.argument("request_ids", metavar="ID...", type=_RequestId(), nargs=-1, required=True)


_UNKNOWN = "no request has this id"


class _UndecidedError(Exception):
    """A request cannot be decided as asked: for a reason, or because of its state."""


@commands.group(epilog=_EPILOG)
def requests() -> None:
    """List, accept and refuse the employees' requests for corrections.

    A request counts nowhere before it is accepted.
    """


def _to_cells(row: RequestRow) -> list[str]:
    signed_in = "yes" if row.autenticada else "no"
    return [row.id, row.describe_state(), str(row.usuario_id), signed_in, row.describe_punch(), row.motivo]


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
    return REQUESTS.bind(ids=None, mes=month, waiting=waiting)


requests.add_command(list_requests)


@requests.command(epilog="example:\n  ponto requests show 0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e --stage dev\n")
@click.argument("request_id", metavar="ID", type=_RequestId())
@shared_options.as_json
@reader.options
def show(target_options: TargetOptions, request_id: str, *, as_json: bool) -> None:
    """Show a request and its decision."""
    row = _read(target_options, request_id)
    if row is None:
        raise CommandError(f"{request_id}: {_UNKNOWN}", status=1)
    if as_json:
        print_json(listing.row_to_json(row))
        return
    author = "signed in" if row.autenticada else "not signed in: the author is not known"
    print_result(
        f"request: {row.id}, of {row.criada_em:%Y-%m-%dT%H:%M:%SZ}",
        f"employee: {row.usuario_id} ({author})",
        f"asks to: {row.describe_punch()}{f', punch {row.batida_id}' if row.batida_id else ''}",
        f"reason: {row.motivo}",
        f"state: {row.describe_state()}",
        *row.describe_decisions(),
    )


@requests.command(epilog="example:\n  ponto requests accept 0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e --stage dev\n")
@_ids
@reader.options
@pass_collaborators
def accept(collaborators: Collaborators, target_options: TargetOptions, request_ids: Sequence[str]) -> None:
    """Accept requests: write a correction for each.

    What was undone is not corrected again: use `ponto correct`.
    """
    deployment = target.find(target_options)

    def decide(row: RequestRow) -> str:
        if row.situacao == "aceita":
            return f"accepted already: {row.id}, by correction {row.correcao_id}"
        if row.situacao != "aguardando":
            raise _UndecidedError(_describe_decided(row))
        instant = row.ponto.isoformat() if row.ponto else None
        punch = {"alvo": row.batida_id} if row.batida_id else {"usuarioId": row.usuario_id, "ponto": instant}
        correction = {"tipo": row.tipo, **punch, "motivo": row.motivo, "id": row.aceite}
        try:
            post_corrections(
                deployment.api_url, deployment.session, target_options.stage, [correction], collaborators.clock
            )
        except CorrectionsRefusedError as error:
            reason = error.reasons[0]
            if f"id {row.aceite} is taken" in reason:
                reason = f"the id {row.aceite} is taken by another correction. {_name_correction(target_options, row)}"
            raise _UndecidedError(reason) from None
        return f"accepted: {row.id}, of employee {row.usuario_id}, by correction {row.aceite}"

    _decide_each(target_options, request_ids, decide)


@requests.command(epilog='example:\n  ponto requests refuse ID --reason "you were on leave" --stage dev\n')
@_ids
@click.option("--reason", required=True, metavar="TEXT", help="Reason, which the employee reads: 3 to 200 characters.")
@reader.options
@pass_collaborators
def refuse(
    collaborators: Collaborators, target_options: TargetOptions, request_ids: Sequence[str], reason: str
) -> None:
    """Refuse requests that wait, or whose punch was corrected otherwise."""
    deployment = target.find(target_options)

    def decide(row: RequestRow) -> str:
        url = f"{deployment.api_url.removesuffix('/ponto')}/solicitacao/{row.id}/recusa"
        response = post_signed(url, deployment.session, {"motivo": reason}, collaborators.clock)
        if response.status == 400:
            raise CommandError(f"--reason: {response.message.rpartition('motivo: ')[2]}", status=1)
        if response.status == 409:
            raise _UndecidedError(_describe_decided(_read(target_options, row.id) or row))
        if response.status not in (200, 201):
            raise describe_failure(response, target_options.stage)
        return f"refused: {row.id}, of employee {row.usuario_id}"

    _decide_each(target_options, request_ids, decide)


def _name_correction(target_options: TargetOptions, row: RequestRow) -> str:
    """Return the sentence that names the command that corrects what is asked for, with an id of its own."""
    punch = (
        ["disregard", row.batida_id]
        if row.batida_id
        else ["add", "--employee", str(row.usuario_id), "--at", row.ponto.isoformat() if row.ponto else ""]
    )
    words = ["ponto", "correct", *punch, "--reason", row.motivo, "--stage", target_options.stage]
    return f"Run `{shlex.join(words)}`; the request is then corrected otherwise"


def _describe_decided(row: RequestRow) -> str:
    return "; ".join([row.describe_state(), *row.describe_decisions()])


def _read(target_options: TargetOptions, request_id: str) -> RequestRow | None:
    (rows,) = reader.create_reader(target_options).read(REQUESTS.bind(ids=[request_id], mes=None, waiting=False))
    return next(rows, None)


def _decide_each(
    target_options: TargetOptions, request_ids: Sequence[str], decide: Callable[[RequestRow], str]
) -> None:
    """Decide requests one after the other, and print each result.

    Raises:
        CommandError: some of them were not decided, or the API failed.
    """
    undecided = 0
    for request_id in request_ids:
        row = _read(target_options, request_id)  # just before the decision, because others decide at the same time
        if row is None:
            print_status(f"ponto: {request_id}: {_UNKNOWN}")
            undecided += 1
            continue
        try:
            print_result(decide(row))
        except _UndecidedError as error:
            print_status(f"ponto: {request_id}: {error}")
            undecided += 1
    if undecided:
        raise CommandError(f"{pluralize(undecided, 'request')} not decided as asked", status=1)
