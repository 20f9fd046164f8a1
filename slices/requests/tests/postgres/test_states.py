"""States of requests, also while two people ask or decide at the same time."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from slices.corrections.write import Correction, CorrectionsRefusedError, StoredCorrection, write_corrections
from slices.requests.tests.requesting import (
    ANA,
    MARIA,
    YESTERDAY,
    Api,
    addition,
    correct,
    disregard,
    new_id,
    open_role,
    states,
    undo,
)
from slices.requests.tests.requesting import api as api
from slices.requests.tests.requesting import database as database
from tests.database import Database
from tests.waiting import wait_for
from tools.kit.project import ROOT

Step = Callable[[Database, Api, str], object]


def accept(database: Database, _: Api, request_id: str) -> None:
    correct(database, request_id)


def correct_otherwise(database: Database, _: Api, request_id: str) -> None:
    correct(database, request_id, id=None)


def write_other_under_the_derived_id(database: Database, _: Api, request_id: str) -> None:
    correct(database, request_id, tipo="inclusao", alvo=None, ponto="2026-01-01 08:00Z")


def undo_last(database: Database, *_: object) -> None:
    undo(database, database.execute("select id from correcao where tipo <> 'anulacao' order by criada_em desc")[0][0])


def refuse(_: Database, api: Api, request_id: str) -> None:
    api.refuse(request_id)


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((), "aguardando"),
        ((accept,), "aceita"),
        ((accept, refuse), "aceita"),
        ((accept, undo_last), "desfeita"),
        ((accept, undo_last, refuse), "desfeita"),
        ((accept, undo_last, correct_otherwise), "corrigida"),
        ((refuse,), "recusada"),
        ((refuse, correct_otherwise), "recusada"),
        ((refuse, accept), "aceita"),  # at the same time: the correction counts
        ((correct_otherwise,), "corrigida"),
        ((correct_otherwise, refuse), "recusada"),
        ((correct_otherwise, undo_last), "aguardando"),
        ((write_other_under_the_derived_id,), "aguardando"),
    ],
)
@pytest.mark.parametrize("body", [addition(), disregard()], ids=["addition", "disregard"])
def test_state_follows_from_corrections_and_refusal(
    database: Database, api: Api, body: dict[str, Any], steps: tuple[Step, ...], state: str
) -> None:
    api.ask(body)

    for step in steps:
        step(database, api, body["id"])

    assert states(database) == [state]


def test_second_request_for_the_same_punch_is_corrected_by_the_first(database: Database, api: Api) -> None:
    first, second = (api.ask(addition())[1]["id"] for _ in range(2))
    correction = correct(database, first)
    assert database.execute("select situacao, correcao_id::text from solicitacao_situacao order by criada_em") == [
        ("aceita", correction),
        ("corrigida", correction),
    ]
    with pytest.raises(psycopg2.errors.CheckViolation, match="is added already"):
        correct(database, second)


def test_id_of_the_accepting_correction_is_as_documented(database: Database, api: Api) -> None:
    readme = (ROOT / "slices" / "requests" / "README.md").read_text(encoding="utf-8")
    [(request_id, documented)] = re.findall(r"`solicitacao\\\|(.{36})` \| `(.{36})`", readme)
    api.ask(addition(id=request_id))
    assert database.execute("select aceite::text from solicitacao_situacao") == [(documented,)]


# Two at the same time: one session writes and has not committed, when the other starts.

WAITING = "select count(*) from pg_locks where not granted"


@pytest.mark.parametrize(
    ("motivo", "end", "status"),
    [("forgot it", "commit", 200), ("another reason", "commit", 409), ("forgot it", "rollback", 201)],
)
def test_two_who_ask_at_once_store_one_request(
    database: Database, api: Api, motivo: str, end: str, status: int
) -> None:
    body = addition()
    with ThreadPoolExecutor() as threads, closing(database.connect()) as first:
        first.cursor().execute(
            "insert into solicitacao (id, usuario_id, tipo, ponto, motivo, autenticada)"
            " values (%(id)s, %(usuarioId)s, %(tipo)s, %(ponto)s, %(motivo)s, false)",
            body,
        )
        second = threads.submit(api.ask, {**body, "motivo": motivo})
        try:
            wait_for(lambda: database.execute(WAITING) == [(1,)], "the second to wait for the first")
        finally:
            getattr(first, end)()
        assert second.result()[0] == status
    assert states(database) == ["aguardando"]


@pytest.mark.parametrize(("reason", "status"), [("on leave", 200), ("another reason", 409)])
def test_two_who_refuse_at_once_store_one_refusal(database: Database, api: Api, reason: str, status: int) -> None:
    request_id = api.ask(addition())[1]["id"]
    with ThreadPoolExecutor() as threads, closing(database.connect()) as first:
        first.cursor().execute("insert into recusa values (%s, 'on leave', %s)", (request_id, MARIA))
        second = threads.submit(api.refuse, request_id, reason)
        try:
            wait_for(lambda: database.execute(WAITING) == [(1,)], "the second to wait for the first")
        finally:
            first.commit()
        assert second.result()[0] == status
    assert database.execute("select motivo from recusa") == [("on leave",)]


def accept_by_function(database: Database, request_id: str) -> StoredCorrection:
    """Accept a request as the function for corrections does."""
    [(correction_id, motivo, employee, ponto)] = database.execute(
        "select aceite::text, motivo, usuario_id, ponto from solicitacao_situacao where id = %s", request_id
    )
    correction = Correction("inclusao", motivo, employee, ponto, id=correction_id)
    with closing(psycopg2.connect(**{**database.owner, "user": "ponto_corrections"})) as connection:
        return write_corrections(connection, [correction], MARIA)[0]


def test_two_who_accept_at_once_write_one_correction(database: Database, api: Api) -> None:
    request_id = api.ask(addition())[1]["id"]
    with ThreadPoolExecutor() as threads:
        results = [threads.submit(accept_by_function, database, request_id) for _ in range(2)]
        assert sorted(each.result().is_new for each in results) == [False, True]
    assert database.execute("select count(*) from correcao") == [(1,)]


def test_correction_counts_if_a_request_is_accepted_and_refused_at_once(database: Database, api: Api) -> None:
    request_id = api.ask(addition())[1]["id"]
    with closing(database.connect()) as first:
        first.cursor().execute(
            "insert into correcao (id, tipo, usuario_id, ponto, motivo)"
            " select aceite, tipo, usuario_id, ponto, motivo from solicitacao_situacao"
        )
        assert api.refuse(request_id)[0] == 201
        assert states(database) == ["recusada"]
        first.commit()
    assert states(database) == ["aceita"]
    assert api.refuse(request_id)[0] == 409


def test_request_accepted_again_while_it_is_undone_stays_undone(database: Database, api: Api) -> None:
    request_id = api.ask(addition())[1]["id"]
    correction = accept_by_function(database, request_id).id
    with ThreadPoolExecutor() as threads, closing(database.connect()) as first:
        first.cursor().execute(
            "insert into correcao (tipo, alvo, motivo) values ('anulacao', %s, 'mistake')", (correction,)
        )
        again = threads.submit(accept_by_function, database, request_id)
        try:
            wait_for(lambda: database.execute(WAITING) == [(1,)], "the second to wait for the first")
        finally:
            first.commit()
        with pytest.raises(CorrectionsRefusedError):
            again.result()
    assert states(database) == ["desfeita"]


def test_four_managers_who_decide_at_once_leave_one_decision_for_each_request(database: Database, api: Api) -> None:
    ids = [
        api.ask(addition(id=new_id(), motivo=f"day {n}", ponto=YESTERDAY.replace(minute=n).isoformat()))[1]["id"]
        for n in range(20)
    ]
    refuse = (
        "insert into ponto.recusa select id, 'on leave', %(autor)s from ponto.solicitacao_situacao"
        " where id = %(id)s and situacao = 'aguardando' on conflict do nothing returning 1"
    )

    def decide(manager: int) -> None:
        with closing(open_role(database, "ponto_refusals")) as session:
            for request_id in ids[5 * manager :] + ids[: 5 * manager]:
                if (manager + ids.index(request_id)) % 2:
                    session.execute(refuse, {"id": request_id, "autor": str(manager)}, float("inf"))
                else:
                    accept_by_function(database, request_id)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(decide, range(4)))

    assert set(states(database)) == {"aceita"}
    assert database.execute("select count(*), count(distinct ponto) from correcao where usuario_id = %s", ANA) == [
        (20, 20)
    ]
