"""Functions behind `/solicitacao`, which store and return employees' requests for corrections, and store refusals."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from ponto.shared import config
from ponto.shared.connection import Session, Timeouts
from ponto.shared.fields import MAX_SAFE_INTEGER, Field, Kind, enumeration, integer, parse_any_uuid, timestamp
from ponto.shared.sql_names import read_sql
from slices import http
from slices.corrections.write import REASON_FIELD
from slices.http import HttpError, Request, Result

_SQL = {path.stem: read_sql(path) for path in (Path(__file__).parent / "sql").glob("*.sql")}

MAX_AGE = timedelta(days=60)
"""Age up to which punches can be asked about, and requests are listed."""

STATEMENT_START_SECONDS = 12
"""Time within which the statements of a request start; the functions time out after 20 s."""

NOT_FOUND_RETRY_SECONDS = 5
"""Retry-After of the 404 for an unknown punch, which is usually stored 1 or 2 s after its 202."""

_HEADERS = {"Access-Control-Expose-Headers": "Date,Retry-After"}  # which a page of another origin may read
_UNAVAILABLE_MESSAGE = "the database does not answer yet: send the request again; it is stored once"


def _parse_uuid7(value: object) -> str:
    request_id = parse_any_uuid(value)
    if request_id[14] != "7":
        raise ValueError
    return request_id


FIELDS = {  # by column of the table
    "id": Field("id", Kind("uuid", "", "must be a UUID of version 7", _parse_uuid7), required=True),
    "usuario_id": Field("usuarioId", integer(1, MAX_SAFE_INTEGER, ""), required=True),
    "tipo": Field("tipo", enumeration(("inclusao", "desconsideracao"), ""), required=True),
    "ponto": Field("ponto", timestamp("")),
    "batida_id": Field("batidaId", Kind("uuid", "", "must be the full id of a punch", parse_any_uuid)),
    "motivo": REASON_FIELD,
}


class Facts(NamedTuple):
    """Row of facts.sql: what the rules for a new request need."""

    zone: str  # the employee's time zone
    instants: Sequence[datetime]  # of the requested time: two or none where the clocks change
    is_known: bool  # whether the employee has a row
    punch: datetime | None  # instant of the employee's punch; None: not found
    is_stored: bool  # whether the request exists already
    now: datetime


class StoredRequest(NamedTuple):
    """Row of requests.sql."""

    id: str
    usuario_id: int
    tipo: str
    ponto: datetime | None  # None: the punch was erased
    batida_id: str | None
    motivo: str
    criada_em: datetime
    situacao: str
    correcao_id: str | None
    recusa_motivo: str | None

    def to_json(self) -> dict[str, object]:
        """Return the request as the JSON object of a response, with times in UTC."""
        names = ("id", "usuarioId", "tipo", "ponto", "batidaId", "motivo", "criadaEm", "situacao", "correcaoId")
        values = (value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value for value in self)
        return dict(zip((*names, "recusa"), values, strict=True))


@cache  # one per execution environment, so that requests share its connection
def open_session() -> Session:
    """Return the session of the function's role, which connects when it is used."""
    parameters = config.load_database().connection_parameters
    timeouts = Timeouts(connect_seconds=6, attempt_seconds=3, statement_ms=3_000, lock_ms=2_000)
    return Session(parameters, timeouts, "ponto requests", {"timezone": "UTC"})


def main(event: Any, context: Any, *, session: Session | None = None) -> http.Response:
    """Handle an event of API Gateway's proxy integration, by method and path."""
    database = session or open_session()
    has_id, is_post = "id" in (event.get("pathParameters") or {}), event["httpMethod"] == "POST"
    is_sign_in_required = config.is_sign_in_required()
    admits_keys = os.environ.get("WITHOUT_SIGN_IN") == "true"
    if has_id and is_post:
        operation = partial(refuse_request, database, author=os.environ.get("AUTHOR", ""))
    elif has_id or is_post:
        operation = partial(
            store_request if is_post else read_state,
            database,
            is_sign_in_required=is_sign_in_required,
            admits_keys=admits_keys,
        )
    else:
        operation = partial(list_requests, database, is_sign_in_required=is_sign_in_required)
    headers = _HEADERS | {"Access-Control-Allow-Origin": os.environ.get("CORS_ORIGIN", "")}
    return http.handle(event, context, operation, name="requests", unavailable=_UNAVAILABLE_MESSAGE, headers=headers)


def store_request(database: Session, request: Request, *, is_sign_in_required: bool, admits_keys: bool) -> Result:
    """Store a request for a correction, unless it is stored already, and return it.

    Raises:
        HttpError: 400 names the invalid field; 403 for an account without a number, or if the stage accepts no
            requests; 404 if the employee has no such punch; 409 if another request has this id.
        QUERY_ERRORS: the database does not answer.
    """
    _check_caller(request, is_sign_in_required=is_sign_in_required, admits_keys=admits_keys)
    values = _parse_body(request)
    if is_sign_in_required and values["usuario_id"] != request.employee_id:
        raise _field_error("usuarioId", "must be your own number", "alheio")
    run = partial(database.execute, deadline=time.monotonic() + STATEMENT_START_SECONDS)
    facts = Facts(*run(_SQL["facts"], values)[0])
    if not facts.is_stored:
        _check(values, facts)
    values |= {"instant": next(iter(facts.instants), None), "autenticada": is_sign_in_required}
    is_new = bool(run(_SQL["insert"], values))
    [stored] = map(StoredRequest._make, run(_SQL["requests"], {**values, "usuario_id": None, "max_age": None}))
    is_same = all(getattr(stored, name) == values[name] for name in ("usuario_id", "tipo", "batida_id", "motivo"))
    if not is_same or (stored.tipo == "inclusao" and stored.ponto not in facts.instants):
        raise HttpError(409, "another request has this id: choose a new one", motivo="conflito")
    return Result(stored.to_json(), 201 if is_new else 200)


def list_requests(database: Session, request: Request, *, is_sign_in_required: bool) -> Result:
    """Return the signed-in employee's requests of the last 60 days, the latest first."""
    if not is_sign_in_required:
        raise HttpError(404, "this stage has no sign-in, and so no list of requests")
    values = {"id": None, "usuario_id": request.employee_id, "max_age": MAX_AGE}
    rows = database.execute(_SQL["requests"], values, time.monotonic() + STATEMENT_START_SECONDS)
    return Result({"solicitacoes": [StoredRequest(*row).to_json() for row in rows]})


def read_state(database: Session, request: Request, *, is_sign_in_required: bool, admits_keys: bool) -> Result:
    """Return the state of a request, and the reason if it was refused.

    Without sign-in all who know the random id may read these, but not what was asked, by whom and why.

    Raises:
        HttpError: 403 as for `store_request`; 404 if no request has this id, or it is not the signed-in employee's.
        QUERY_ERRORS: the database does not answer.
    """
    _check_caller(request, is_sign_in_required=is_sign_in_required, admits_keys=admits_keys)
    rows: Sequence[Any] = ()
    with suppress(ValueError):
        values = {"id": parse_any_uuid(request.path_parameters["id"]), "usuario_id": None, "max_age": None}
        rows = database.execute(_SQL["requests"], values, time.monotonic() + STATEMENT_START_SECONDS)
    for stored in map(StoredRequest._make, rows):
        if not is_sign_in_required or stored.usuario_id == request.employee_id:
            return Result({"id": stored.id, "situacao": stored.situacao, "recusa": stored.recusa_motivo})
    raise HttpError(404, "no request has this id")


def refuse_request(database: Session, request: Request, *, author: str) -> Result:
    """Store the refusal of a request, unless the same author has refused it for the same reason already.

    Args:
        database: session of the role for refusals.
        request: its path has the id, its body is `{"motivo": "..."}`.
        author: author of all refusals; empty, as on AWS: the IAM identity that signed the request.

    Raises:
        HttpError: 400, 403 without an author, 404; 409 if the request is decided.
        QUERY_ERRORS: the database does not answer.
    """
    author = author or request.user_arn
    if not author:
        raise HttpError(403, "the request has no identity from AWS: sign it with AWS credentials (AWS_IAM)")
    values = {**request.parse_body({"motivo": REASON_FIELD}), "autor": author}
    try:
        values["id"] = parse_any_uuid(request.path_parameters["id"])
    except ValueError:
        raise HttpError(404, "no request has this id") from None
    run = partial(database.execute, deadline=time.monotonic() + STATEMENT_START_SECONDS)
    is_new = bool(run(_SQL["refuse"], values))
    rows = run(_SQL["refusal"], values)
    if not rows:
        raise HttpError(404, "no request has this id")
    [(state, correction_id, reason, refused_by)] = rows
    fields = {"situacao": state, "correcaoId": correction_id, "recusa": reason, "autor": refused_by}
    if state != "recusada" or (reason, refused_by) != (values["motivo"], author):
        raise HttpError(409, "the request is decided already", **fields)
    return Result(fields, 201 if is_new else 200)


def _check_caller(request: Request, *, is_sign_in_required: bool, admits_keys: bool) -> None:
    """Raise HttpError 403 for an account without a number, or if the stage accepts no requests."""
    if is_sign_in_required and request.employee_id is None:
        raise HttpError(403, "your account has no employee number: ask who administers the accounts", motivo="conta")
    if not is_sign_in_required and not admits_keys:
        message = "this stage has no sign-in, and accepts no requests without it (requestsWithoutSignIn)"
        raise HttpError(403, message, motivo="fechado")


def _parse_body(request: Request) -> dict[str, Any]:
    """Return the parsed fields, keyed as the parameters of the statements: a time is either `local` or an `instant`.

    Raises:
        HttpError: a field is missing, invalid, unknown, or does not belong to the type of request.
    """
    values = {"ponto": None, "batida_id": None, **request.parse_body(FIELDS, motivo="invalido")}
    kind = values["tipo"]
    needed, excluded = ("ponto", "batida_id") if kind == "inclusao" else ("batida_id", "ponto")
    if values[excluded] is not None:
        raise _field_error(FIELDS[excluded].name, f"must be absent for {kind}")
    if values[needed] is None:
        raise _field_error(FIELDS[needed].name, f"required for {kind}")
    punch_time: datetime | None = values.pop("ponto")
    is_local = punch_time is not None and punch_time.tzinfo is None
    return values | {"local": punch_time if is_local else None, "instant": None if is_local else punch_time}


def _check(values: Mapping[str, Any], facts: Facts) -> None:
    """Raise HttpError if a request that is not stored breaks a rule."""
    name = "ponto" if values["tipo"] == "inclusao" else "batidaId"
    if name == "batidaId" and facts.punch is None:
        message = (
            "batidaId: no stored punch of this employee has this id; a punch that was sent just now is stored soon"
        )
        raise HttpError(404, message, retry_after_seconds=NOT_FOUND_RETRY_SECONDS, motivo="ausente")
    if not facts.is_known:
        raise _field_error(
            "usuarioId", "is not known: no punch is stored, and the employee was not loaded", "desconhecido"
        )
    if name == "ponto" and len(facts.instants) != 1:
        problem, code = ("occurs twice", "ambiguo") if facts.instants else ("does not exist", "inexistente")
        raise _field_error("ponto", f"{problem} in {facts.zone}, where the clocks change: give the offset", code)
    instant = facts.punch or facts.instants[0]
    if name == "ponto" and instant > facts.now:
        raise _field_error("ponto", "is in the future", "futuro")
    if instant < facts.now - MAX_AGE:
        raise _field_error(name, f"is more than {MAX_AGE.days} days ago", "antigo")


def _field_error(name: str, reason: str, code: str = "invalido") -> HttpError:
    return HttpError(400, f"there is an error in your request: {name}: {reason}", motivo=code)
