"""The smoke test of corrections that a deploy runs, with a fake API."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from slices.corrections import proof
from slices.corrections.slice import SLICE
from tests.clock import FakeClock
from tests.events import aws
from tests.gateway import Response, answer_requests
from tests.unit.test_deploy import URL, Prod
from tools.kit.errors import CommandError


@pytest.fixture
def account() -> Iterator[None]:
    with aws():
        yield


class FakeCorrectionApi:
    """Fake API for corrections that returns its answers in order, and repeats the last one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Response] = []
        self.requests: list[Any] = []
        answer_requests(monkeypatch, self._answer)

    def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        assert (method, url) == ("POST", "https://api.example.com/dev/correcao")
        assert "/execute-api/aws4_request" in headers["Authorization"]
        (correction,) = json.loads(body or b"")["correcoes"]
        self.requests.append(correction)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        assert isinstance(answer, tuple)
        status, text, headers = answer
        return status, text.replace("ID", correction["alvo"]), headers


@pytest.fixture
def corrections(account: None, monkeypatch: pytest.MonkeyPatch) -> FakeCorrectionApi:
    del account
    return FakeCorrectionApi(monkeypatch)


PROVEN = "a test correction reached the table, which refused it as it should"
REFUSED: tuple[int, str, dict[str, str]] = (
    409,
    '{"recusadas":[{"posicao":0,"razao":"ID is no correction that can be undone"}]}',
    {},
)
DENIED: Response = (403, '{"message":"User: x is not authorized to perform: execute-api:Invoke on resource: y"}', {})
UNKNOWN: Response = (403, '{"message":"Missing Authentication Token"}', {})


@pytest.mark.parametrize(
    ("answers", "expected", "message"),
    [
        ([REFUSED], PROVEN, ""),
        ([UNKNOWN, (500, "{}", {"Retry-After": "15"}), REFUSED], PROVEN, "a paused database 15 to 40 s"),
        ([DENIED], None, "corrections are not tested: the API answered 403: User: x is not authorized to perform"),
    ],
)
def test_smoke_test_passes_or_is_skipped_without_permission(
    corrections: FakeCorrectionApi,
    capsys: pytest.CaptureFixture[str],
    answers: list[Response],
    expected: str | None,
    message: str,
) -> None:
    corrections.answers = list(answers)
    assert proof.prove(boto3.Session(), "dev", URL, FakeClock()) == expected
    assert len(corrections.requests) == len(answers)
    assert {each["tipo"] for each in corrections.requests} == {"anulacao"}
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            (500, '{"message":"the function has another password"}', {}),
            "answered 500: the function has another password",
        ),
        ((500, "{}", {"Retry-After": "15"}), "correcao answered 500; try again"),
        (
            (400, '{"recusadas":[{"posicao":0,"razao":"tipo: x"}]}', {}),
            "the test of corrections failed: tipo: x",
        ),
        ((200, '{"correcoes":[{}]}', {}), "the test correction was not refused, although"),
        (UNKNOWN, "answered 403: Missing Authentication Token"),
    ],
)
def test_failed_smoke_test_fails_the_deploy(corrections: FakeCorrectionApi, answer: Response, message: str) -> None:
    corrections.answers = [answer]
    with pytest.raises(CommandError, match=re.escape(message)) as failure:
        proof.prove(boto3.Session(), "dev", URL, FakeClock())
    assert failure.value.status == 1
    assert "stores punches, but the test of corrections failed: " in str(failure.value)


@pytest.mark.usefixtures("account")
def test_deploy_sends_a_test_correction_after_its_punch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requests: list[str] = []

    def answer(_method: str, url: str, body: bytes | None, _headers: Mapping[str, str]) -> Response:
        requests.append(url.rpartition("/")[2])
        if requests[-1] == "ponto":
            return 202, '{"messageId":"message"}', {}
        status, text, headers = REFUSED
        return status, text.replace("ID", json.loads(body or b"")["correcoes"][0]["alvo"]), headers

    prod = Prod(monkeypatch, capsys)
    prod.add_deployed_stage()
    prod.hooks = [SLICE.deploy_hook()]
    answer_requests(monkeypatch, answer)

    result = prod.run("--yes", "--json")

    assert (result.status, result.json["correctionsProven"]) == (0, True), result.err
    assert requests == ["ponto", "correcao"]
    assert "sending a test correction, which has to be refused" in result.err.splitlines()
    assert f"proven     {PROVEN}" in prod.run("--yes").out.splitlines()
