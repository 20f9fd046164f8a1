"""The function that writes corrections, on a real database: its authors and its responses."""

import json
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from slices.corrections.function import TIMEOUTS, main
from slices.corrections.tests.postgres.test_rules import ANA, AT_SIX, AUTHOR, PUNCH, REASON, SIX
from slices.corrections.write import MAX_CORRECTIONS
from tests.database import Database
from tests.functions import Functions

ADDITION = {"tipo": "inclusao", "usuarioId": ANA, "ponto": SIX.isoformat(), "motivo": REASON}
DISREGARD = {"tipo": "desconsideracao", "alvo": PUNCH, "motivo": "twice"}


@pytest.fixture
def function(database: Database) -> Functions:
    database.execute("insert into batida (id, usuario_id, ponto) values (%s, %s, '2026-10-01 08:00-03')", PUNCH, ANA)
    return Functions(database.url, "ponto_corrections")


def post(
    function: Functions, *corrections: object, body: str | None = None, **identity: Any
) -> tuple[int, dict[str, Any]]:
    sent = json.dumps({"correcoes": corrections}) if body is None else body
    response = function.run(main, event(sent, **identity))
    assert response["headers"]["Content-Type"] == "application/json"
    return response["statusCode"], json.loads(response["body"])


def event(body: str, **identity: Any) -> dict[str, Any]:
    return {"body": body, "requestContext": {"identity": {"userArn": AUTHOR, **identity}}}


def rows(database: Database) -> list[tuple[Any, ...]]:
    return database.execute("select tipo, autor from correcao order by criada_em")


def test_author_is_the_aws_identity_and_a_retry_adds_nothing(function: Functions, database: Database) -> None:
    status, answer = post(function, ADDITION, DISREGARD)
    assert status == 200
    added, disregarded = answer["correcoes"]
    assert (added["usuarioId"], added["ponto"], added["situacao"]) == (ANA, "2026-10-01T18:00:00-03:00", "gravada")
    assert (disregarded["usuarioId"], disregarded["ponto"], disregarded["situacao"]) == (ANA, None, "gravada")
    assert rows(database) == [("inclusao", AUTHOR), ("desconsideracao", AUTHOR)]

    _, again = post(function, {**ADDITION, "ponto": AT_SIX.isoformat()}, userArn="arn:of:another:session")
    assert again["correcoes"] == [{**added, "situacao": "existente"}]
    assert len(rows(database)) == 2


@pytest.mark.parametrize("arn", [None, ""])
def test_request_without_an_aws_identity_is_refused(function: Functions, database: Database, arn: str | None) -> None:
    status, answer = post(function, {**ADDITION, "autor": "boss"}, userArn=arn, user="AIDA", caller="AIDA")
    assert (status, answer["message"][:45]) == (403, "the request has no identity from AWS: sign it")
    assert rows(database) == []


def test_request_cannot_choose_its_author(function: Functions, database: Database) -> None:
    signed = "arn:aws:sts::123456789012:assumed-role/batida-ponto-prod-CorrectorRole-1/maria"
    identity = {"userArn": signed, "user": "AROA:boss", "caller": "AROA:boss", "cognitoIdentityId": "boss"}
    event = {
        "body": json.dumps(
            {"correcoes": [ADDITION], "autor": "boss", "requestContext": {"identity": {"userArn": "boss"}}}
        ),
        "headers": {"userArn": "boss", "AUTHOR": "boss", "x-amzn-iam-user-arn": "boss"},
        "queryStringParameters": {"autor": "boss", "userArn": "boss"},
        "requestContext": {"identity": identity, "authorizer": {"principalId": "boss"}},
    }
    assert function.run(main, event)["statusCode"] == 200
    assert rows(database) == [("inclusao", signed)]

    status, answer = post(function, {**ADDITION, "ponto": AT_SIX.isoformat(), "autor": "boss"})
    assert (status, rows(database)) == (400, [("inclusao", signed)]), answer


def test_author_of_the_stage_replaces_an_unverified_identity(function: Functions, database: Database) -> None:
    function.environment["AUTHOR"] = "local"
    assert [post(function, ADDITION, userArn=arn)[0] for arn in (None, AUTHOR)] == [200, 200]
    assert rows(database) == [("inclusao", "local")]


def test_refused_corrections_have_reasons_and_nothing_is_written(function: Functions, database: Database) -> None:
    status, answer = post(function, ADDITION, {**ADDITION, "usuarioId": 999}, {**ADDITION, "ponto": "2999-01-01T00:00"})
    assert (status, [each["posicao"] for each in answer["recusadas"]]) == (409, [1, 2])
    assert "employee 999 is not known" in answer["recusadas"][0]["razao"]

    database.execute("insert into funcionario (usuario_id, nome, fuso) values (%s, 'Ana', 'America/New_York')", ANA)
    status, answer = post(function, {**ADDITION, "ponto": "2025-11-02T01:30"})  # occurs twice
    assert (status, [each["posicao"] for each in answer["recusadas"]]) == (409, [0])
    assert "give the offset" in answer["recusadas"][0]["razao"]

    status, answer = post(
        function, ADDITION, *[{**ADDITION, "motivo": ""}, "text"] * 149, "text"
    )  # MAX_CORRECTIONS in all
    assert (status, [each["posicao"] for each in answer["recusadas"]]) == (400, list(range(1, MAX_CORRECTIONS)))
    assert rows(database) == []


@pytest.mark.parametrize(
    "body", ["", "[]", '{"correcoes": []}', json.dumps({"correcoes": [ADDITION] * (MAX_CORRECTIONS + 1)})]
)
def test_invalid_body_is_refused(function: Functions, body: str) -> None:
    status, answer = post(function, body=body)
    assert status == 400
    assert answer["message"].startswith("there is an error in your request: must ")


def test_locked_table_is_answered_503_with_retry_after(function: Functions, database: Database) -> None:
    impatient_main = partial(main, timeouts=TIMEOUTS._replace(lock_ms=10))
    with closing(database.connect()) as other:
        other.cursor().execute("lock table correcao")
        response = function.run(impatient_main, event(json.dumps({"correcoes": [ADDITION]})))
    assert (response["statusCode"], response["headers"]["Retry-After"]) == (503, "15")


def test_log_has_counts_and_no_content_of_corrections(function: Functions) -> None:
    post(function, ADDITION, DISREGARD)
    post(function, ADDITION)
    post(function, {**ADDITION, "usuarioId": 999})
    post(function, {}, {})
    post(function, body="")
    lines = [json.loads(line) for line in function.log.getvalue().splitlines()]
    counts = [{name: line[name] for name in ("written", "known", "refused")} for line in lines]
    assert counts == [
        {"written": 2, "known": 0, "refused": 0},
        {"written": 0, "known": 1, "refused": 0},
        {"written": 0, "known": 0, "refused": 1},
        {"written": 0, "known": 0, "refused": 2},
        {"written": 0, "known": 0, "refused": 1},
    ]
    assert 0 < lines[0]["milliseconds"] < 60_000
    logged = json.dumps([line | {"milliseconds": 0} for line in lines])  # without its random digits
    for text in (REASON, "twice", AUTHOR, PUNCH, str(ANA), "999", "18:00"):
        assert text not in logged
