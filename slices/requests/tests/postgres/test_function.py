"""Answers of the functions: who may ask for what, and how often, and who may refuse."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slices.requests.tests.requesting import (
    ANA,
    MARIA,
    PUNCH,
    RUI,
    RUIS_PUNCH,
    UNKNOWN_EMPLOYEE,
    UNKNOWN_ID,
    YESTERDAY,
    Api,
    addition,
    correct,
    disregard,
    new_id,
)
from slices.requests.tests.requesting import api as api
from slices.requests.tests.requesting import database as database
from tests.database import Database

DAY = timedelta(days=1)


def count(database: Database) -> int:
    [(number,)] = database.execute("select count(*) from solicitacao")
    return int(number)


@pytest.mark.parametrize("body", [addition(), disregard()], ids=["addition", "disregard"])
def test_request_is_stored_once_and_returned(api: Api, database: Database, body: dict[str, Any]) -> None:
    first = api.ask(body)
    again = api.ask({**body, "id": body["id"].upper()})

    assert (first[0], again) == (201, (200, first[1]))
    assert first[1].items() >= {key: value for key, value in body.items() if key != "ponto"}.items()
    assert (first[1]["situacao"], first[1]["recusa"]) == ("aguardando", None)
    assert database.execute("select autenticada from solicitacao") == [(False,)]


@pytest.mark.parametrize(
    "change", [{"motivo": "another"}, {"usuarioId": RUI}, {"ponto": (YESTERDAY - DAY).isoformat()}], ids=str
)
def test_other_content_under_a_stored_id_is_a_conflict(api: Api, database: Database, change: dict[str, Any]) -> None:
    body = addition()
    api.ask(body)

    status, answer = api.ask({**body, **change})
    assert (status, answer["motivo"]) == (409, "conflito")
    assert count(database) == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (addition(id=new_id(4)), "id", "invalido"),
        (addition(id=None), "id", "invalido"),
        (addition(usuarioId="123"), "usuarioId", "invalido"),
        (addition(usuarioId=UNKNOWN_EMPLOYEE), "usuarioId", "desconhecido"),
        (addition(tipo="anulacao"), "tipo", "invalido"),
        (addition(ponto=None), "ponto", "invalido"),
        (addition(ponto="yesterday"), "ponto", "invalido"),
        (addition(ponto=(datetime.now(UTC) + DAY).isoformat()), "ponto", "futuro"),
        (addition(ponto=(datetime.now(UTC) - 60 * DAY).isoformat()), "ponto", "antigo"),
        (addition(batidaId=PUNCH), "batidaId", "invalido"),
        (disregard(batidaId=None), "batidaId", "invalido"),
        (disregard(batidaId="x"), "batidaId", "invalido"),
        (disregard(ponto=YESTERDAY.isoformat()), "ponto", "invalido"),
        (addition(motivo="a\u3164\u3164b"), "motivo", "invalido"),
        (addition(autor="boss"), "'autor'", "invalido"),
        ("[]", "JSON object", "invalido"),
    ],
)
def test_invalid_request_is_refused_with_field_and_code(
    api: Api, database: Database, body: object, field: str, code: str
) -> None:
    status, answer = api.ask(body)

    assert (status, answer["motivo"], count(database)) == (400, code, 0)
    assert field in answer["message"]


def test_old_punch_cannot_be_disregarded(api: Api, database: Database) -> None:
    old = new_id()
    at = datetime.now(UTC) - 61 * DAY
    database.execute("insert into batida (id, usuario_id, ponto) values (%s, %s, %s)", old, ANA, at)
    assert api.ask(disregard(batidaId=old))[1]["motivo"] == "antigo"


def test_punch_of_another_employee_is_answered_as_an_unknown_one(api: Api) -> None:
    unknown = api.ask(disregard(batidaId=UNKNOWN_ID))

    assert api.ask(disregard(batidaId=RUIS_PUNCH)) == unknown
    assert (unknown[0], api.headers["Retry-After"]) == (404, "5")


@pytest.mark.parametrize(
    ("zone", "local", "code"),
    [("America/New_York", "2025-11-02T01:30", "ambiguo"), ("America/New_York", "2026-03-08T02:30", "inexistente")],
)
def test_local_time_that_a_clock_change_repeats_or_skips_is_refused(
    api: Api, database: Database, zone: str, local: str, code: str
) -> None:
    database.execute("insert into funcionario (usuario_id, nome, fuso) values (%s, 'Ana', %s)", ANA, zone)
    assert api.ask(addition(ponto=local))[1]["motivo"] == code


def test_local_time_is_in_the_employees_zone(api: Api, database: Database) -> None:
    database.execute("insert into funcionario (usuario_id, nome, fuso) values (%s, 'Ana', 'Asia/Tokyo')", ANA)
    body = addition(ponto=f"{YESTERDAY:%Y-%m-%dT%H:%M}")

    status, answer = api.ask(body)

    instant = YESTERDAY - timedelta(hours=9)
    assert (status, answer["ponto"]) == (201, instant.isoformat().replace("+00:00", "Z"))
    assert api.ask(body)[0] == 200
    assert api.ask({**body, "ponto": instant.isoformat()})[0] == 200


def test_signed_in_employee_asks_and_lists_only_their_own(api: Api, database: Database) -> None:
    api.require_sign_in()
    own = addition()

    assert [api.ask(own, ANA)[0], api.ask(addition(usuarioId=RUI), RUI)[0]] == [201, 201]
    refused = api.ask(addition(usuarioId=RUI), ANA)
    assert (refused[0], refused[1]["motivo"]) == (400, "alheio")
    assert api.ask(disregard(batidaId=RUIS_PUNCH), ANA)[1]["motivo"] == "ausente"
    assert [api.ask(own, number)[1]["motivo"] for number in (None, "x")] == ["conta", "conta"]
    assert [each["id"] for each in api.call("GET", employee=ANA)[1]["solicitacoes"]] == [own["id"]]
    assert api.call("GET", employee="x")[1] == {"solicitacoes": []}
    assert database.execute("select bool_and(autenticada) from solicitacao") == [(True,)]


def test_list_has_states_and_no_request_older_than_60_days(api: Api, database: Database) -> None:
    api.require_sign_in()
    bodies = [addition(), disregard(), addition(ponto=(YESTERDAY - DAY).isoformat())]
    for body in bodies:
        api.ask(body, ANA)
    correction = correct(database, bodies[0]["id"])
    api.refuse(bodies[1]["id"], "was right")
    database.execute(
        "set session_replication_role = replica;"
        "update solicitacao set criada_em = now() - interval '61 days' where id = %s;"
        "set session_replication_role = origin",
        bodies[2]["id"],
    )

    listed = api.call("GET", employee=ANA)[1]["solicitacoes"]

    assert [(each["situacao"], each["correcaoId"], each["recusa"]) for each in listed] == [
        ("recusada", None, "was right"),
        ("aceita", correction, None),
    ]


def test_state_is_read_by_the_random_id_without_what_was_asked(api: Api) -> None:
    own, others = addition(), addition(usuarioId=RUI)
    api.ask(own)
    api.ask(others)
    api.refuse(own["id"], "was at home")

    assert api.call("GET", request_id=own["id"]) == (
        200,
        {"id": own["id"], "situacao": "recusada", "recusa": "was at home"},
    )
    assert [api.call("GET", request_id=text)[0] for text in (UNKNOWN_ID, "x")] == [404, 404]
    api.require_sign_in()
    assert [api.call("GET", employee=ANA, request_id=each["id"])[0] for each in (own, others)] == [200, 404]
    assert api.call("GET", request_id=own["id"])[0] == 403


def test_stage_without_sign_in_lists_nothing_and_accepts_requests_only_if_configured(
    api: Api, database: Database
) -> None:
    assert api.call("GET")[0] == 404
    del api.environment["WITHOUT_SIGN_IN"]
    status, answer = api.ask(addition())
    assert (status, answer["motivo"], count(database)) == (403, "fechado", 0)
    assert api.call("GET", request_id=UNKNOWN_ID)[0] == 403


def test_refusal_is_stored_once_with_its_author(api: Api, database: Database) -> None:
    request = api.ask(addition())[1]["id"]

    answers = [
        api.refuse(request),
        api.refuse(request.upper()),
        api.refuse(request, "another reason"),
        api.refuse(request, arn="arn:of:joao"),
    ]

    assert [status for status, _ in answers] == [201, 200, 409, 409]
    assert answers[2][1].items() >= {"situacao": "recusada", "recusa": "on leave", "autor": MARIA}.items()
    assert database.execute("select solicitacao_id::text, motivo, autor from recusa") == [(request, "on leave", MARIA)]


@pytest.mark.parametrize(
    ("request_id", "reason", "arn", "status"),
    [
        (UNKNOWN_ID, "on leave", MARIA, 404),
        ("x", "on leave", MARIA, 404),
        (UNKNOWN_ID, "no", MARIA, 400),
        (UNKNOWN_ID, "on leave", None, 403),
    ],
)
def test_refusal_without_request_reason_or_author_is_refused(
    api: Api, request_id: str, reason: str, arn: str | None, status: int
) -> None:
    assert api.refuse(request_id, reason, arn)[0] == status


def test_unavailable_database_is_a_503_that_says_when_to_retry(api: Api, database: Database) -> None:
    database.execute("alter role ponto_requests nologin")
    try:
        status, _ = api.ask(addition())
    finally:
        database.execute("alter role ponto_requests login")
    assert (status, "Retry-After" in api.headers) == (503, True)


def test_retry_after_a_lost_answer_adds_nothing(api: Api, database: Database) -> None:
    body = addition()
    api.ask(body)
    # The function's connection breaks between the commit and the answer; the client sends the request again.
    database.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ponto_requests'")

    assert api.ask(body)[0] == 200
    api.refuse(body["id"])
    database.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ponto_refusals'")
    assert api.refuse(body["id"])[0] == 200
    assert count(database) == 1


@pytest.mark.parametrize("table", ["solicitacao", "recusa"])
@pytest.mark.parametrize("statement", ["update {} set motivo = 'other'", "delete from {}", "truncate {} cascade"])
def test_rows_are_never_changed_or_removed(database: Database, table: str, statement: str) -> None:
    with pytest.raises(psycopg2.errors.RaiseException, match="refused"):
        database.execute(statement.format(table))


_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=250),
    st.sampled_from([new_id(), PUNCH, "2026-02-30T08:00", "\ud800", "\0\0\0", "9" * 5000, "x" * 70_000]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
_edits = st.dictionaries(st.sampled_from([*addition(), "batidaId", "other"]), _values, max_size=3)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=st.sampled_from([addition(), disregard(), {}]), edits=_edits)
def test_hostile_body_is_refused_or_stored_as_sent(
    api: Api, database: Database, base: dict[str, Any], edits: dict[str, Any]
) -> None:
    before = count(database)

    status, answer = api.ask({**base, **edits})

    assert status in (200, 201, 400, 404, 409), answer
    assert count(database) == before + (status == 201)
    if status == 400:
        assert answer["message"].startswith("there is an error in your request: ")
