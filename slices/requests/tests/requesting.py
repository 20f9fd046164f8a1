"""The functions of requests on a test database, with an employee who has a punch."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from ponto.shared.connection import Session, Timeouts
from slices.requests.function import main
from tests.database import Database
from tests.functions import Functions

ANA, RUI, UNKNOWN_EMPLOYEE = 123, 124, 999
MARIA = "arn:aws:sts::123456789012:assumed-role/people/maria"
PUNCH, RUIS_PUNCH = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e", "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3f"
UNKNOWN_ID = "0199a1f2-7c1e-7b52-9d1f-000000000000"
YESTERDAY = datetime.now(UTC).replace(hour=18, minute=0, second=0, microsecond=0) - timedelta(days=1)

_ROLES = ("ponto_requests", "ponto_refusals")


def new_id(version: int = 7) -> str:
    """Return a new UUID of a version."""
    text = str(uuid.uuid4())
    return f"{text[:14]}{version}{text[15:]}"


def addition(**values: Any) -> dict[str, Any]:
    """Return the body of a request to add a punch of Ana's."""
    body = {"id": new_id(), "usuarioId": ANA, "tipo": "inclusao", "ponto": YESTERDAY.isoformat(), "motivo": "forgot it"}
    return body | values


def disregard(**values: Any) -> dict[str, Any]:
    """Return the body of a request to disregard Ana's punch."""
    return {
        "id": new_id(),
        "usuarioId": ANA,
        "tipo": "desconsideracao",
        "batidaId": PUNCH,
        "motivo": "punched twice",
    } | values


class Api:
    """The slice's two functions, called as the gateway does."""

    def __init__(self, database: Database, sessions: dict[str, Session]) -> None:
        self.functions = {role: Functions(database.url, role) for role in _ROLES}
        self.sessions = sessions
        self.environment["WITHOUT_SIGN_IN"] = "true"

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the function that stores and lists requests."""
        return self.functions["ponto_requests"].environment

    def require_sign_in(self) -> None:
        self.environment["SIGN_IN_REQUIRED"] = "true"

    def call(
        self, method: str, body: object = None, employee: int | str | None = None, request_id: str | None = None
    ) -> tuple[int, Any]:
        """Return status and body of a request, perhaps of an employee who signed in, or with an id in its path."""
        claims = {"custom:usuarioId": str(employee)}
        context = {} if employee is None else {"authorizer": {"claims": claims}}
        path = {"id": request_id} if request_id else None
        event = {"httpMethod": method, "body": _to_text(body), "requestContext": context, "pathParameters": path}
        return self._run("ponto_requests", event)

    def ask(self, body: object, employee: int | str | None = None) -> tuple[int, Any]:
        return self.call("POST", body, employee)

    def refuse(self, request_id: str, reason: object = "on leave", arn: str | None = MARIA) -> tuple[int, Any]:
        event = {
            "httpMethod": "POST",
            "pathParameters": {"id": request_id},
            "body": _to_text({"motivo": reason}),
            "requestContext": {"identity": {"userArn": arn}},
        }
        return self._run("ponto_refusals", event)

    def _run(self, role: str, event: dict[str, Any]) -> tuple[int, Any]:
        response = self.functions[role].run(partial(main, session=self.sessions[role]), event)
        self.headers = response["headers"]
        return response["statusCode"], json.loads(response["body"])


def _to_text(body: object) -> str | None:
    return body if isinstance(body, str) or body is None else json.dumps(body)


@pytest.fixture
def database(database: Database) -> Database:
    """Return a database in which Ana and Rui have one punch each."""
    for punch, employee in ((PUNCH, ANA), (RUIS_PUNCH, RUI)):
        at = YESTERDAY - timedelta(hours=9)
        database.execute("insert into batida (id, usuario_id, ponto) values (%s, %s, %s)", punch, employee, at)
    return database


@pytest.fixture
def api(database: Database) -> Iterator[Api]:
    """Yield the functions on a stage without sign-in that accepts requests by key."""
    with ExitStack() as stack:
        yield Api(database, {role: stack.enter_context(closing(open_role(database, role))) for role in _ROLES})


def open_role(database: Database, role: str) -> Session:
    """Return a session of a role with short timeouts."""
    timeouts = Timeouts(connect_seconds=2, attempt_seconds=2, statement_ms=60_000, lock_ms=60_000)
    return Session(lambda: {**database.owner, "user": role}, timeouts, settings={"timezone": "UTC"})


def states(database: Database) -> list[str]:
    """Return the states of all requests, the earliest first."""
    return [state for (state,) in database.execute("select situacao from solicitacao_situacao order by criada_em")]


def correct(database: Database, request_id: str, **columns: object) -> str:
    """Write the correction that accepts a request, with other values of some columns; return its id."""
    names = ("id", "tipo", "usuario_id", "ponto", "alvo", "motivo", "autor")
    values = database.execute(
        "select aceite, tipo, usuario_id, case when batida_id is null then ponto end, batida_id, motivo, 'maria'"
        " from solicitacao_situacao where id = %s",
        request_id,
    )[0]
    row = dict(zip(names, values, strict=True)) | columns
    insert = f"insert into correcao ({', '.join(row)}) values ({', '.join(['%s'] * len(row))}) returning id::text"
    return str(database.execute(insert, *row.values())[0][0])


def undo(database: Database, correction_id: str) -> None:
    database.execute("insert into correcao (tipo, alvo, motivo) values ('anulacao', %s, 'mistake')", correction_id)
