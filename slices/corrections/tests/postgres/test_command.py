"""`ponto correct` against a real PostgreSQL, through a fake API."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from slices.corrections.function import main
from slices.corrections.tests.postgres.test_rules import ANA, AUTHOR, PUNCH
from tests import commands
from tests.aws import Calls, stack
from tests.clock import FakeClock
from tests.database import Database
from tests.functions import Functions
from tools.kit.collaborators import Collaborators
from tools.tests.gateway import Response, answer_requests

ADD = ("add", "--employee", ANA, "--at", "2026-10-01T18:00", "--reason", "no tablet")
HEADER = "tipo,usuario_id,ponto,alvo,motivo\n"
URL = "https://ab12cd34.execute-api.sa-east-1.amazonaws.com/dev"


@pytest.fixture
def punch_database(database: Database) -> Database:
    database.execute("insert into batida (id, usuario_id, ponto) values (%s, %s, '2026-10-01 08:00-03')", PUNCH, ANA)
    return database


class FakeApi:
    """Fake API of a stage, for which Ana signed every request, and whose function writes to the real database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, functions: Functions) -> None:
        self.answers: list[Response] = []  # first answers; afterwards the function is invoked
        self.signed: list[tuple[str, Mapping[str, str]]] = []
        self._functions = functions
        answer_requests(monkeypatch, self._answer)

    def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        assert method == "POST"
        self.signed.append((url, headers))
        if self.answers:
            return self.answers.pop(0)
        identity = {"requestContext": {"identity": {"userArn": AUTHOR}}}
        response = self._functions.run(main, {"body": (body or b"").decode(), **identity})
        return response["statusCode"], response["body"], response["headers"]


@pytest.fixture
def api(punch_database: Database, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    queues = {"QueueUrl": "https://sqs", "DeadLetterQueueUrl": "https://sqs", "ApiId": "abc"}
    calls = Calls(monkeypatch)
    calls.stubs["DescribeStacks"] = stack(ApiUrl=f"{URL}/ponto", **queues)
    calls.stubs["Invoke"] = Functions(punch_database.url, "ponto_reader").invoke
    return FakeApi(monkeypatch, Functions(punch_database.url, "ponto_corrections"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def correct(api: FakeApi, clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> commands.Run:
    del api
    run = commands.runner(capsys, "correct", collaborators=Collaborators(clock))
    return lambda *words: run(*words, "--stage", "dev")


def rows(database: Database) -> list[tuple[Any, ...]]:
    return database.execute("select tipo, usuario_id, autor from correcao order by criada_em")


def test_corrections_of_a_month_are_listed_with_their_author(correct: commands.Run, punch_database: Database) -> None:
    added = correct(*ADD)
    assert (added.status, added.err) == (0, "")
    disregarded = correct("disregard", PUNCH, "--reason", "twice", "--json").json["corrections"][0]["id"]
    correct("undo", disregarded, "--reason", "was right")
    assert rows(punch_database) == [
        ("inclusao", ANA, AUTHOR),
        ("desconsideracao", ANA, AUTHOR),
        ("anulacao", ANA, AUTHOR),
    ]

    listed = correct("list", "--month", "2026-10", "--json").json
    assert [(each["kind"], each["isUndone"], each["local"], each["author"]) for each in listed] == [
        ("desconsideracao", True, "2026-10-01T08:00:00", AUTHOR),
        ("anulacao", False, "2026-10-01T08:00:00", AUTHOR),
        ("inclusao", False, "2026-10-01T18:00:00", AUTHOR),
    ]
    at_80_columns = correct("list", "--month", "2026-10").out
    assert all(text in at_80_columns for text in (disregarded, "was right", AUTHOR)), at_80_columns
    assert correct("list", "--month", "2026-11").out == "no corrections\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("disregard", "01234567-89ab-7def-8123-456789abcdef"), "is no punch, and no addition that counts"),
        (("disregard", "yesterday"), "ID: must be the full id of a punch or of a correction"),
        (("undo", PUNCH), f"{PUNCH} is no correction that can be undone"),
        (("undo", PUNCH, "--id", PUNCH), "--id: must be a UUID of version 8 that begins with c"),
        (("disregard", PUNCH, "--reason", "\u3164"), "--reason: must be 3 to 200 "),
    ],
)
def test_refusal_names_the_option_and_the_reason(
    correct: commands.Run, punch_database: Database, words: tuple[str, ...], reason: str
) -> None:
    words = words if "--reason" in words else (*words, "--reason", "twice")
    refused = correct(*words)
    assert (refused.status, refused.out) == (1, "")
    assert reason in refused.err
    reasons = correct(*words, "--json").json["refused"]
    assert [reason in each["what"] for each in reasons] == [True]
    assert rows(punch_database) == []


OTHER_PUNCH = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3f"


@pytest.mark.parametrize("at", ["2026-10-01T08:00:59", "2026-10-01T11:00Z"])
def test_only_punch_of_a_minute_is_disregarded_without_its_id(
    correct: commands.Run, punch_database: Database, at: str
) -> None:
    punch_database.execute(
        "insert into batida (id, usuario_id, ponto) select gen_random_uuid(), employee, at::timestamptz"
        " from (values (%s, '2026-10-01 07:59:59.9-03'), (%s, '2026-10-01 08:01-03'), (%s, '2026-10-01 08:00-03'))"
        " as other (employee, at)",
        *(ANA, ANA, ANA + 1),
    )
    words = ("disregard", "--employee", ANA, "--at", at, "--reason", "twice")
    assert correct(*words).status == 0
    [(disregarded, target)] = punch_database.execute("select id::text, alvo::text from correcao")
    assert target == PUNCH

    again = correct(*words)
    assert again.status == 1
    assert f"employee {ANA} has no punch that counts at {at[:16]}" in again.err
    assert f"{PUNCH} is disregarded already, by correction {disregarded}" in again.err


def test_several_punches_in_a_minute_are_listed_and_none_is_disregarded(
    correct: commands.Run, punch_database: Database
) -> None:
    punch_database.execute(
        "insert into batida (id, usuario_id, ponto) values (%s, %s, '2026-10-01 08:00:31.25-03')", OTHER_PUNCH, ANA
    )
    added = correct("add", "--employee", ANA, "--at", "2026-10-01T08:00:59", "--reason", "no tablet", "--json").json
    words = ("disregard", "--employee", ANA, "--at", "2026-10-01T08:00", "--reason", "twice")
    refused = correct(*words)
    assert (refused.status, refused.out) == (1, "")
    ids = (PUNCH, OTHER_PUNCH, added["corrections"][0]["id"])
    assert refused.err.splitlines()[-1] == (
        f"ponto: refused: employee {ANA} has 3 punches at 2026-10-01T08:00; give the ID of one: "
        f"{ids[0]} (08:00:00-03:00), {ids[1]} (08:00:31-03:00), {ids[2]} (08:00:59-03:00, added); nothing was written"
    )
    assert [each in correct(*words, "--json").json["refused"][0]["what"] for each in ids] == [True] * 3
    assert rows(punch_database) == [("inclusao", ANA, AUTHOR)]

    for disregarded in ids[1:]:
        correct("disregard", disregarded, "--reason", "twice")
    assert correct(*words).status == 0


@pytest.mark.parametrize("words", [(PUNCH, "--employee", "1", "--at", "2026-10-01T08:00"), ("--employee", "1")])
def test_disregard_takes_either_an_id_or_employee_and_time(correct: commands.Run, words: tuple[str, ...]) -> None:
    wrong = correct("disregard", *words, "--reason", "twice")
    assert wrong.status == 2
    assert "Give either ID, or both --employee and --at." in wrong.err


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (f"{HEADER}inclusao,{ANA},2026-10-01T18:00,,ok then\ninclusao,x,2026-10-01T18:00,,ok then\n", ["line 3: "]),
        (
            f"{HEADER}inclusao,{ANA},2026-10-01T18:00,,ok then\n\nanulacao,,,{PUNCH},ok then\nx,,,,\n",
            ["line 5: tipo: must be one of"],
        ),
        ("tipo,usuario_id\n", ["line 1: column ponto is missing; column alvo is missing"]),
    ],
)
def test_refused_line_of_a_file_stops_all_its_corrections(
    correct: commands.Run, punch_database: Database, tmp_path: Path, text: str, refused: list[str]
) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text(text, encoding="utf-8")
    result = correct("apply", "--file", file)
    assert (result.status, result.out) == (1, "")
    *lines, last = result.err.splitlines()
    assert [line.startswith(begin) for line, begin in zip(lines, refused, strict=True)] == [True] * len(refused)
    assert last == f"ponto: {file}: 1 fault; nothing was stored"
    assert correct("apply", "--file", file, "--json").json["total"] == 1
    assert rows(punch_database) == []


@pytest.mark.parametrize("command", ["add", "disregard", "undo", "apply"])
def test_no_timeout_is_offered_that_a_correction_would_ignore(correct: commands.Run, command: str) -> None:
    assert "--timeout" not in correct(command, "--help").out


def test_request_is_signed_and_its_author_is_the_aws_identity(
    correct: commands.Run, api: FakeApi, punch_database: Database
) -> None:
    assert correct(*ADD).status == 0
    assert rows(punch_database) == [("inclusao", ANA, AUTHOR)]
    [(url, headers)] = api.signed
    assert url == f"{URL}/correcao"
    scope = "sa-east-1/execute-api/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert scope in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"
    assert "CANARY" not in json.dumps(dict(headers))


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (
            (403, '{"message":"User: x is not authorized"}', {}),
            2,
            "the role CorrectorRoleArn of the outputs of stack batida-ponto-dev",
        ),
        ((404, '{"message":"Not Found"}', {}), 2, "answered 404: Not Found; deploy stage dev"),
        ((200, "<html>", {}), 2, "answered 200: no corrections"),
        ((500, '{"message":"run ponto schema"}', {}), 2, "ponto: the API answered 500: run ponto schema"),
        (
            (500, '{"message":"there was an error"}', {"Retry-After": "15"}),
            2,
            "correcao answered 500: there was an error; try again: nothing is written twice",
        ),
        (
            (409, '{"recusadas":[{"posicao":0,"razao":"x is added"}]}', {}),
            1,
            "refused: x is added; nothing was written",
        ),
    ],
)
def test_error_of_the_api_is_printed_with_what_to_do(
    correct: commands.Run, api: FakeApi, answer: Response, status: int, reason: str
) -> None:
    api.answers = [answer] * 100  # one for each attempt
    result = correct(*ADD)
    assert (result.status, result.out) == (status, "")
    assert reason in result.err
