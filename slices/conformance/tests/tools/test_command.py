"""Tests of `ponto conformance` as a command, and of the requests that its proxy forwards."""

import contextlib
import http.client
import json
import re
import select
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slices.conformance.fault_proxy import FaultProxy, ProxySettings, ScaledClock, run_proxy
from slices.conformance.fault_script import Effect, FaultScript, InjectedFault
from slices.conformance.rules import ExpectedPunches
from slices.conformance.stub_api import HttpResponse
from slices.conformance.tests.tools.clients import Client, NewIdClient, punch_bodies
from tests.commands import CommandResult, run_process
from tests.serving import Request, http_server
from tests.serving import Response as Reply
from tests.waiting import DEADLINE_SECONDS, background_process, wait_for
from tools import cli
from tools.kit import event

SCALE = 0.002
HEADERS = {"content-type": "application/json", "x-api-key": "key"}
VALID_BODY = json.dumps(punch_bodies(1)[0]).encode()


class RunningCommand(NamedTuple):
    """`ponto conformance` while it listens."""

    process: "subprocess.Popen[str]"
    url: str

    def wait(self) -> CommandResult:
        """Wait for the command to end, and return its result."""
        out, err = self.process.communicate(timeout=DEADLINE_SECONDS)
        return CommandResult(self.process.returncode, out, err)


@contextlib.contextmanager
def run_command(*options: str) -> Iterator[RunningCommand]:
    """Run `ponto conformance`."""
    arguments = [sys.executable, "-m", "tools.cli", "conformance", "--listen", "127.0.0.1:0"]
    arguments += ["--time-scale", str(SCALE), *options]
    with background_process(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first_line = process.stderr.readline() if process.stderr else ""
        match = re.search(r"http://\S+/ponto", first_line)
        assert match, first_line
        yield RunningCommand(process, match[0])


def test_a_run_ends_by_itself_and_prints_its_verdicts(tmp_path: Path) -> None:
    punches = punch_bodies(10)
    sent = tmp_path / "sent.ndjson"
    sent.write_text("\n".join(map(json.dumps, punches)))
    with run_command("--expect", str(sent), "--seed", "5", "--json") as command:
        Client(command.url, ScaledClock(SCALE), 1).run(punches)
        result = command.wait()

    assert result.status == 0, result
    assert {each["verdict"] for each in result.json["rules"]} == {"kept"}
    assert {name: result.json[name] for name in ("seed", "punches", "waiting", "missing")} == {
        "seed": 5,
        "punches": 10,
        "waiting": 0,
        "missing": 0,
    }
    assert result.json["accepted"] + result.json["refused"] == 10
    assert {each["id"] for each in result.json["log"]} == {punch["id"] for punch in punches}
    assert len(result.json["log"]) == result.json["attempts"]
    assert result.json["randomIds"] == 0
    assert "random" not in result.err


def test_random_ids_break_no_rule_and_cause_a_note() -> None:
    with run_command("--seed", "5", "--punches", "3", "--json") as command:
        Client(command.url, ScaledClock(SCALE), 1).run(punch_bodies(1) + punch_bodies(3, version=4)[1:])
        result = command.wait()

    assert result.status == 0, result
    assert result.json["randomIds"] == 2
    assert "2 of 3 ids are random (UUID version 4)" in result.err


def test_ctrl_c_ends_a_run_and_a_broken_rule_is_status_1() -> None:
    with run_command("--seed", "5") as command:
        NewIdClient(command.url, ScaledClock(SCALE), 1).run(punch_bodies(10))
        command.process.send_signal(signal.SIGINT)
        result = command.wait()

    assert result.status == 1, result
    assert re.search(r"^changed its id +broken +\d+$", result.out, re.MULTILINE)
    assert re.search(r"^changed its id: punch \d+ \([0-9a-f-]{36}\) was sent again with ", result.out, re.MULTILINE)
    assert re.search(r"^seed 5: 10 punches in \d+ attempts, \d+ accepted, 1 refused$", result.out, re.MULTILINE)


def test_a_run_without_punches_is_an_error() -> None:
    result = run_process("conformance", "--listen", "127.0.0.1:0", "--for", "0s")
    assert result.status == 2
    assert "no punch arrived" in result.err


def test_an_address_in_use_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with run_proxy(ProxySettings(1)) as proxy:
        address = proxy.url.split("/")[2]
        assert cli.main(["conformance", "--listen", address]) == 2
    assert capsys.readouterr().err == f"ponto: cannot listen on {address}: Address already in use\n"


class Stack(NamedTuple):
    """A fake stack: its URL, and the requests that it received."""

    url: str
    requests: list[Request]


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Run a fake stack."""
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        requests.append(request)
        status, text = (202, b'{"message":"accepted"}') if request.method == "POST" else (200, b"<p>page</p>")
        return status, {"x-own": "kept"}, text

    with http_server(answer) as url:
        yield Stack(f"{url}/stage/ponto", requests)


@contextlib.contextmanager
def running_proxy(
    effect: Effect = Effect.ACCEPT, *, date_offset_seconds: int = 0, **settings: Any
) -> Iterator[FaultProxy]:
    """Run a proxy that treats every attempt in the same way."""
    with pytest.MonkeyPatch.context() as patch, run_proxy(ProxySettings(1, **settings)) as proxy:
        patch.setattr(
            FaultScript, "next_fault", lambda *_: InjectedFault(effect, date_offset_seconds=date_offset_seconds)
        )
        yield proxy


def send_request(
    proxy: FaultProxy, method: str = "POST", path: str = "/ponto", body: Any = VALID_BODY, **headers: str
) -> HttpResponse:
    """Send a request, and return the response with all of its headers."""
    connection = http.client.HTTPConnection(proxy.url.split("/")[2], timeout=DEADLINE_SECONDS)
    try:
        connection.request(method, path, body, HEADERS | headers, encode_chunked=isinstance(body, list))
        answer = connection.getresponse()
        return HttpResponse(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def connect(proxy: FaultProxy) -> socket.socket:
    """Open a connection without sending anything."""
    host, port = proxy.url.split("/")[2].split(":")
    return socket.create_connection((host, int(port)), DEADLINE_SECONDS)


def test_requests_and_responses_are_forwarded_unchanged(stack: Stack) -> None:
    with running_proxy(target=stack.url) as proxy:
        answer = send_request(proxy, authorization="Bearer x")
        page = send_request(proxy, "GET", "/page.js?v=1", None)

    assert (answer.status, answer.headers["x-own"]) == (202, "kept")
    assert page.body == b"<p>page</p>"
    (method, path, headers, requests), (_, page_path, _, _) = stack.requests
    assert (method, path, requests, page_path) == ("POST", "/stage/ponto", VALID_BODY, "/stage/page.js?v=1")
    assert (headers["x-api-key"], headers["authorization"]) == ("key", "Bearer x")
    assert headers["host"] == stack.url.split("/")[2]


def test_paths_outside_the_api_are_not_forwarded(stack: Stack) -> None:
    with running_proxy(target=stack.url) as proxy:
        answers = [
            send_request(proxy, "GET", path, None).status for path in ("/../other", "/a/%2e%2e/b", "http://elsewhere/x")
        ]
    assert answers == [403, 403, 403]
    assert stack.requests == []


def test_a_duplicated_request_is_forwarded_twice_and_answered_once(stack: Stack) -> None:
    with running_proxy(Effect.DUPLICATE, target=stack.url) as proxy:
        assert send_request(proxy).status == 202
    assert len(stack.requests) == 2


def test_a_stack_that_does_not_answer_causes_502_and_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    with running_proxy(target="http://127.0.0.1:1/stage/ponto") as proxy:
        assert [send_request(proxy, body=b"{}").status for _ in range(2)] == [502, 502]
    assert capsys.readouterr().err.count("does not answer") == 1


def test_a_body_in_chunks_is_read_and_one_without_an_end_is_refused() -> None:
    with running_proxy() as proxy:
        assert send_request(proxy, body=iter([VALID_BODY[:50], VALID_BODY[50:]])).status == 202
        assert send_request(proxy, body=iter([VALID_BODY[:50], b" " * 400_000, VALID_BODY[50:]])).status == 413
        assert send_request(proxy, body=b"z\r\n", **{"transfer-encoding": "chunked"}).status == 400


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("content-length", "99999999", 413),
        ("content-length", "1" * 5_000, 400),
        ("content-length", "x", 400),
        ("content-length", "-1", 400),
        ("content-length", "\u00b2", 400),
        ("x-long", "x" * 70_000, 431),
    ],
)
def test_an_invalid_head_is_refused(capsys: pytest.CaptureFixture[str], name: str, value: str, status: int) -> None:
    with running_proxy() as proxy:
        answer = send_request(proxy, body=b"", **{name: value})
        assert proxy.run_log(ExpectedPunches()).attempts == []
    assert answer.status == status
    (line,) = capsys.readouterr().err.splitlines()  # and no traceback
    assert line.startswith(
        f"ponto conformance: a request that cannot be read is not counted; it was answered {status} "
    )


@pytest.mark.parametrize(
    ("effect", "stored", "error"),
    [
        (Effect.DROP, True, http.client.RemoteDisconnected),
        (Effect.LATE_SILENCE, True, http.client.RemoteDisconnected),
        (Effect.SILENCE, False, ConnectionResetError),
        (Effect.RESET, False, ConnectionResetError),
        (Effect.CUT, True, (ConnectionResetError, http.client.IncompleteRead)),
    ],
)
def test_a_client_sees_a_connection_that_breaks(effect: Effect, stored: bool, error: type[Exception]) -> None:
    with running_proxy(effect, scale=SCALE) as proxy:
        with pytest.raises(error):
            send_request(proxy)
        proxy.wait(ExpectedPunches(), 100)
        [attempt] = proxy.run_log(ExpectedPunches()).attempts
    assert attempt.is_stored is stored
    assert attempt.status == (202 if effect is Effect.CUT else 0)


def test_attempts_are_of_one_punch_if_their_ids_or_derived_ids_are_equal() -> None:
    first, second = event.body(1, "2026-10-01T08:00Z"), event.body(2, "2026-10-01T08:00Z")
    ids = [str(uuid.uuid4()) for _ in range(3)]
    with running_proxy() as proxy:
        for id_, body in zip([*ids, ids[2]], [first, first | event.OPTIONAL_FIELDS, second, first], strict=True):
            send_request(proxy, body=json.dumps(body | {"id": id_}).encode())
        assert [attempt.punch for attempt in proxy.run_log(ExpectedPunches()).attempts] == [0, 0, 1, 1]


def test_the_date_header_is_wrong_by_the_offset_of_the_fault() -> None:
    with running_proxy(date_offset_seconds=-400 * 86_400) as proxy:
        wrong, right = send_request(proxy), send_request(proxy, "OPTIONS")
    assert wrong.headers["date"].split()[3] != right.headers["date"].split()[3]  # the year


def test_a_client_that_closes_a_silent_connection_is_noticed() -> None:
    with running_proxy(Effect.SILENCE) as proxy:
        with connect(proxy) as connection:
            connection.sendall(
                f"POST /ponto HTTP/1.1\r\nhost: kit\r\ncontent-length: {len(VALID_BODY)}\r\n\r\n".encode() + VALID_BODY
            )
            proxy.wait(ExpectedPunches(), 0.3)
            while not proxy.run_log(ExpectedPunches()).attempts:
                proxy.wait(ExpectedPunches(), proxy.now() + 0.05)
            assert proxy.run_log(ExpectedPunches()).attempts[0].ended_at is None
        while proxy.run_log(ExpectedPunches()).attempts[0].ended_at is None:
            proxy.wait(ExpectedPunches(), proxy.now() + 0.05)
        assert proxy.now() < 30


@pytest.mark.parametrize("reads", [True, False])
def test_an_answer_is_delivered_once_the_client_has_read_it(reads: bool) -> None:
    with running_proxy() as proxy:
        with connect(proxy) as connection:
            connection.sendall(b"POST /ponto HTTP/1.1\r\nhost: kit\r\nx-api-key: k\r\ncontent-length: 2\r\n\r\n{}")
            select.select([connection], [], [], DEADLINE_SECONDS)  # the response has arrived
            while reads and connection.recv(4096):
                pass
        wait_for(
            lambda: proxy.run_log(ExpectedPunches()).attempts[0].is_delivered is reads, "the end of the connection"
        )
