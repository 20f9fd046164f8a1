"""`ponto requests` against a real PostgreSQL, through a fake API with the slices' functions."""

import shlex
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from slices.corrections import function as corrections
from slices.requests.function import main
from slices.requests.tests.requesting import (
    ANA,
    MARIA,
    PUNCH,
    UNKNOWN_ID,
    YESTERDAY,
    Api,
    addition,
    correct,
    disregard,
    states,
    undo,
)
from slices.requests.tests.requesting import api as api
from slices.requests.tests.requesting import database as database
from tests import commands
from tests.aws import Calls, stack
from tests.clock import FakeClock
from tests.database import Database
from tests.functions import Functions
from tools.kit.collaborators import Collaborators
from tools.tests.gateway import Response, answer_requests

URL = "https://ab12cd34.execute-api.sa-east-1.amazonaws.com/dev"


class FakeGateway:
    """API of a stage, for which Maria signs every request."""

    def __init__(self, database: Database, api: Api) -> None:
        self.paths: list[str] = []
        self.answers: list[Response] = []  # first answers; afterwards the functions are invoked
        self.on_request: Callable[[], object] = lambda: None
        self._api = api
        self._corrections = Functions(database.url, "ponto_corrections")

    def answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        assert (method, headers["Authorization"][:4]) == ("POST", "AWS4")
        self.paths.append(url.removeprefix(URL))
        self.on_request()
        if self.answers:
            return self.answers.pop(0)
        event = {
            "httpMethod": method,
            "body": (body or b"").decode(),
            "requestContext": {"identity": {"userArn": MARIA}},
            "pathParameters": {"id": url.split("/")[-2]},
        }
        if url == f"{URL}/correcao":
            response = self._corrections.run(corrections.main, event)
        else:
            role = "ponto_refusals"
            response = self._api.functions[role].run(partial(main, session=self._api.sessions[role]), event)
        return response["statusCode"], response["body"], response["headers"]


@pytest.fixture
def gateway(database: Database, api: Api, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "sa-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    calls = Calls(monkeypatch)
    queues = {"QueueUrl": "https://sqs", "DeadLetterQueueUrl": "https://sqs", "ApiId": "abc"}
    calls.stubs["DescribeStacks"] = stack(ApiUrl=f"{URL}/ponto", **queues)
    calls.stubs["Invoke"] = Functions(database.url, "ponto_reader").invoke
    gateway = FakeGateway(database, api)
    answer_requests(monkeypatch, gateway.answer)
    return gateway


@pytest.fixture
def ponto(gateway: FakeGateway, capsys: pytest.CaptureFixture[str]) -> commands.Run:
    del gateway
    run = commands.runner(capsys, "requests", collaborators=Collaborators(FakeClock()))
    return lambda *words, **inputs: run(*words, "--stage", "dev", **inputs)


def test_accepted_requests_are_corrections_of_the_decider_for_the_employees_reason(
    ponto: commands.Run, gateway: FakeGateway, api: Api, database: Database
) -> None:
    ids = [api.ask(body)[1]["id"] for body in (addition(), disregard())]

    accepted = ponto("accept", *ids)

    assert (accepted.status, accepted.err, states(database)) == (0, "", ["aceita", "aceita"])
    assert database.execute("select tipo, usuario_id, motivo, autor from correcao order by criada_em") == [
        ("inclusao", ANA, "forgot it", MARIA),
        ("desconsideracao", ANA, "punched twice", MARIA),
    ]
    assert gateway.paths == ["/correcao", "/correcao"]
    again = ponto("accept", *ids)
    assert (again.status, again.out.count("accepted already"), len(gateway.paths)) == (0, 2, 2)


def test_only_what_can_be_decided_is_decided_and_the_rest_is_named(
    ponto: commands.Run, gateway: FakeGateway, api: Api, database: Database
) -> None:
    waiting = api.ask(disregard())[1]["id"]
    refused, undone, corrected = (
        api.ask(addition(ponto=(YESTERDAY - timedelta(days)).isoformat()))[1]["id"] for days in range(3)
    )
    api.refuse(refused)
    undo(database, correct(database, undone))
    other = correct(database, corrected, id=None)

    result = ponto("accept", UNKNOWN_ID, refused, undone, corrected, waiting)

    assert result.status == 1
    assert f"accepted: {waiting}" in result.out
    for problem in (f"{UNKNOWN_ID}: no request", f"{refused}: refused; refusal: on leave, by {MARIA}"):
        assert problem in result.err
    assert all(problem in result.err for problem in (f"{undone}: undone", f"{corrected}: already corrected by {other}"))
    assert gateway.paths == ["/correcao"]


def test_refusal_of_another_manager_during_a_batch_is_respected(
    ponto: commands.Run, gateway: FakeGateway, api: Api, database: Database
) -> None:
    first, second = (api.ask(body)[1]["id"] for body in (addition(), disregard()))
    gateway.on_request = lambda: api.refuse(second)

    result = ponto("accept", first, second)

    assert (result.status, states(database)) == (1, ["aceita", "recusada"])
    assert (gateway.paths, f"{second}: refused" in result.err) == (["/correcao"], True)


def test_refusal_is_shown_with_its_author_and_cannot_be_replaced(
    ponto: commands.Run, gateway: FakeGateway, api: Api
) -> None:
    refused, accepted = (api.ask(body)[1]["id"] for body in (addition(), disregard()))
    ponto("accept", accepted)

    assert [ponto("refuse", refused, "--reason", "on leave").status for _ in range(2)] == [0, 0]
    other = ponto("refuse", refused, accepted, "--reason", "another")

    assert other.status == 1
    assert f"refusal: on leave, by {MARIA}" in other.err
    assert f"{accepted}: accepted; correction: c" in other.err
    assert f"refusal: on leave, by {MARIA}" in ponto("show", refused).out
    assert gateway.paths[1] == f"/solicitacao/{refused}/recusa"


def test_correction_refused_by_the_rules_leaves_the_request_waiting(
    ponto: commands.Run, api: Api, database: Database
) -> None:
    request_id = api.ask(disregard())[1]["id"]
    database.execute(
        "alter table batida disable trigger append_only; delete from batida where id = %s;"
        "alter table batida enable trigger append_only",
        PUNCH,
    )

    result = ponto("accept", request_id)

    assert (result.status, states(database)) == (1, ["aguardando"])
    assert "is no punch" in result.err
    assert "disregard erased" in ponto("show", request_id).out


@pytest.mark.parametrize("body", [addition(), disregard()], ids=["addition", "disregard"])
def test_request_whose_derived_id_is_taken_is_corrected_by_the_command_that_accept_names(
    ponto: commands.Run,
    api: Api,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    body: dict[str, Any],
) -> None:
    request_id = api.ask(body)[1]["id"]
    correct(database, request_id, tipo="inclusao", alvo=None, ponto="2026-01-01 08:00Z")

    refused = ponto("accept", request_id)

    assert (refused.status, "--id" in refused.err) == (1, False)
    words = shlex.split(refused.err.split("`")[1])
    assert commands.runner(capsys, *words[1:2], collaborators=Collaborators(FakeClock()))(*words[2:]).status == 0
    assert states(database) == ["corrigida"]


def test_list_has_the_requests_of_a_month_or_those_that_wait(ponto: commands.Run, api: Api) -> None:
    earlier = YESTERDAY - timedelta(40)
    first = api.ask(addition(ponto=earlier.isoformat(), motivo="first"))[1]["id"]
    api.ask(addition(motivo="second"))
    api.refuse(first)

    assert [each["motivo"] for each in ponto("list", "--json").json] == ["first", "second"]
    assert [each["motivo"] for each in ponto("list", "--month", f"{earlier:%Y-%m}", "--json").json] == ["first"]
    assert [each["situacao"] for each in ponto("list", "--waiting", "--json").json] == ["aguardando"]
    assert all(
        text in ponto("list").out for text in ("refused", "waiting", first[:13], f"add {earlier:%Y-%m-%d} 15:00")
    )
    assert ponto("list", "--month", "2020-01").out == "no requests\n"


def test_request_is_shown_with_its_decision(ponto: commands.Run, api: Api, database: Database) -> None:
    request_id = api.ask(disregard())[1]["id"]
    correction = correct(database, request_id)

    shown = ponto("show", request_id).out

    for text in (f"employee: {ANA} (not signed in", PUNCH, "punched twice", "accepted", f"{correction}, by maria"):
        assert text in shown
    assert ponto("show", request_id, "--json").json["correcaoId"] == correction
    assert ponto("show", request_id[:20], "--json").json["id"] == request_id
    assert ponto("show", UNKNOWN_ID).status == 1
    assert ponto("show", "yesterday").status == 2


def test_first_characters_of_several_requests_decide_none_of_them(ponto: commands.Run, api: Api) -> None:
    first, second = (
        api.ask(body | {"id": f"{PUNCH[:35]}{n}"})[1]["id"] for n, body in enumerate([addition(), disregard()])
    )

    result = ponto("accept", first[:13])

    assert (result.status, result.out) == (1, "")
    assert all(request_id in result.err for request_id in (first, second))


def test_review_shows_the_day_and_its_hours_before_and_after(ponto: commands.Run, api: Api, database: Database) -> None:
    database.execute("insert into funcionario (usuario_id, nome) values (%s, 'Ana')", ANA)
    api.ask(addition())

    result = ponto("review", "--lang", "pt", typed="p\n")

    assert result.status == 0
    for text in (f"matrícula {ANA}, Ana", "06:00 +15:00  0:00 -> 9:00", "1 continuam aguardando"):
        assert text in result.out


def test_review_decides_as_accept_and_refuse_do(ponto: commands.Run, api: Api, database: Database) -> None:
    for days in range(4):
        api.ask(addition(ponto=(YESTERDAY - timedelta(days)).isoformat()))

    result = ponto("review", typed="?\na\ns\nr\nno\nr\non leave\nq\n")

    assert (result.status, "3 to 200" in result.err) == (0, True)
    assert "1 accepted, 1 refused, 2 left waiting" in result.out
    assert sorted(states(database)) == ["aceita", "aguardando", "aguardando", "recusada"]
    assert database.execute("select autor from correcao union all select autor from recusa") == [(MARIA,), (MARIA,)]


def test_review_goes_on_after_a_request_that_another_manager_decided(
    ponto: commands.Run, gateway: FakeGateway, api: Api, database: Database
) -> None:
    ids = [api.ask(addition(ponto=(YESTERDAY - timedelta(days)).isoformat()))[1]["id"] for days in (1, 0)]
    gateway.on_request = lambda: api.refuse(ids[1])

    result = ponto("review", typed="a\na\n")

    assert (states(database), f"{ids[1]}: refused" in result.err) == (["aceita", "recusada"], True)
    assert "1 accepted, 0 refused, 0 left waiting" in result.out


def test_review_without_a_terminal_names_the_other_commands(ponto: commands.Run, api: Api) -> None:
    api.ask(addition())
    result = ponto("review")
    assert (result.status, "ponto requests accept" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ((403, '{"message":"not authorized"}', {}), 2, "CorrectorRoleArn"),
        ((400, '{"message":"there is an error in your request: motivo: must be 3"}', {}), 1, "reason: must be 3"),
    ],
)
def test_error_of_the_api_is_printed_with_what_to_do(
    ponto: commands.Run, gateway: FakeGateway, api: Api, answer: Response, status: int, reason: str
) -> None:
    request_id = api.ask(addition())[1]["id"]
    gateway.answers = [answer] * 100
    result = ponto("refuse", request_id, "--reason", "on leave")
    assert (result.status, result.out) == (status, "")
    assert reason in result.err
