"""`ponto import` with an API of paper: what is sent, tried again, refused and gone on with."""

import errno
import gzip
import http.client
import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Result, write_stack
from tests.unit.test_uploads import file, punch
from tools import cli
from tools.imports import api as imports_api

Answer = tuple[int, str, dict[str, str]] | Exception
ACCEPTED: Answer = (202, "accepted", {})


class Gateway:
    """Answers each punch: with the next of its own answers, or accepted."""

    def __init__(self) -> None:
        self.accepted: list[int] = []
        self.tries: Counter[int] = Counter()
        self.answers: dict[int, list[Answer]] = {}  # by employee
        self.keys: set[str] = set()
        self.ctrl_c_at = 0  # the employee with whose punch somebody stops the command
        self._lock = threading.Lock()

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        employee = json.loads(body)["usuarioId"]
        if employee == self.ctrl_c_at:
            os.kill(os.getpid(), signal.SIGINT)
        with self._lock:
            self.keys.add(headers["x-api-key"])
            self.tries[employee] += 1
            waiting = self.answers.get(employee, [])
            found = waiting.pop(0) if waiting else ACCEPTED
            if found is ACCEPTED:
                self.accepted.append(employee)
            return found


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    gateway = Gateway()

    class Response:
        def __init__(self, status: int, message: str, headers: dict[str, str]) -> None:
            self.status, self._message, self._headers = status, message, headers

        def read(self) -> bytes:
            return json.dumps({"message": self._message}).encode() if self._message else b"<html>"

        def getheader(self, name: str) -> str | None:
            return self._headers.get(name)

    class Connection:
        def __init__(self, *_: object, **__: object) -> None:
            self._answer: Answer = ACCEPTED

        def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
            assert (method, path) == ("POST", "/restapis/a/local/_user_request_/ponto")
            self._answer = gateway.answer(body, headers)
            if isinstance(self._answer, Exception):
                raise self._answer

        def getresponse(self) -> Response:
            assert not isinstance(self._answer, Exception)
            return Response(*self._answer)

    monkeypatch.setattr(http.client, "HTTPConnection", Connection)
    monkeypatch.setattr(imports_api, "_FIRST_DELAY", 0.001)
    monkeypatch.delenv("PONTO_API_KEY", raising=False)
    return gateway


@pytest.fixture
def run(gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:  # noqa: ARG001
    write_stack(tmp_path, api_url="http://127.0.0.1:1/restapis/a/local/_user_request_/ponto", api_key="CANARY")

    def run(*words: str) -> Result:
        status = cli.main(["import", *words])
        done = Result(status, *capsys.readouterr())
        assert "CANARY" not in done.out + done.err
        return done

    return run


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "october.ndjson"
    path.write_bytes(file(1, 200))
    return path


def left(given: Path) -> set[str]:
    """What is beside the file."""
    return {path.name.removeprefix(given.name) for path in given.parent.glob(f"{given.name}?*")}


def test_a_file_is_sent_and_leaves_nothing_beside_it(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    done = run(str(given), "--state", str(tmp_path))
    assert (done.status, done.out) == (0, "200 accepted, 0 refused\n")
    assert sorted(gateway.accepted) == list(range(1, 201))
    assert gateway.keys == {"CANARY"}
    assert left(given) == set()


def test_a_list_that_cannot_be_opened_is_named_with_the_reason(
    run: Callable[..., Result], given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = Path.open

    def refuse(path: Path, mode: str = "r", **given: Any) -> Any:
        if path.name.endswith(".refused.ndjson") and "w" in mode:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return open_(path, mode, **given)

    monkeypatch.setattr(Path, "open", refuse)

    done = run(str(given), "--state", str(tmp_path))

    assert done.status == 2
    assert f"{given}.refused.ndjson: the list of refused lines cannot be written: Permission denied" in done.err


def test_refused_lines_are_listed_and_the_next_go_on(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    given.write_bytes(b"\n".join([punch(1), b"{", punch(3), punch(4), punch(5)]))
    gateway.answers = {3: [(400, "there is an error in your request: no", {})], 4: [(413, "", {})]}
    done = run(str(given), "--json", "--state", str(tmp_path))
    refused = given.with_name("october.ndjson.refused.ndjson")
    assert (done.status, done.json) == (1, {"accepted": 2, "refused": 3, "refusedLines": str(refused)})
    assert [tuple(json.loads(line).values()) for line in refused.read_text().splitlines()] == [
        (2, "body: not JSON, character 1"),
        (3, "there is an error in your request: no"),
        (4, "answered 413"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (429, "slow", {"retry-after": "0"}),
        (503, "", {}),
        (408, "", {}),
        OSError("no way"),
        http.client.BadStatusLine(""),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path, answer: Answer
) -> None:
    gateway.answers = {7: [answer] * 3}
    assert run(str(given), "--state", str(tmp_path)).status == 0
    assert gateway.tries[7] == 4
    assert len(gateway.accepted) == 200


def test_a_wait_that_is_asked_for_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    answers: list[Any] = [(429, "", 17.0), (503, "", 0.0), (202, "", 0.0)]
    api = imports_api.Api("https://api.example.com/dev/ponto", "key")
    monkeypatch.setattr(api, "_post", lambda _: answers.pop(0))
    monkeypatch.setattr(api._stopped, "wait", lambda seconds: waited.append(seconds))
    assert api._refusal("{}") == ""
    assert waited == [17.0, 1.0]


def test_a_key_that_is_revoked_stops_it_and_another_goes_on_where_it_stopped(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.write_bytes(b"{\n" + file(2, 200))  # its first line is refused before
    gateway.answers = {150: [(403, "Forbidden", {})]}
    stopped = run(str(given), "--state", str(tmp_path))
    assert stopped.status == 1
    assert "answered 403: the key is wrong, or was revoked" in stopped.err
    assert "the same command goes on there" in stopped.err
    assert left(given) == {".progress", ".refused.ndjson"}
    tries = gateway.tries.copy()

    monkeypatch.setenv("PONTO_API_KEY", "another")
    done = run(str(given), "--state", str(tmp_path))
    assert done.out.startswith("199 accepted, 1 refused")
    assert "going on at line " in done.err
    assert gateway.keys == {"CANARY", "another"}
    assert set(gateway.accepted) == set(range(2, 201))
    assert gateway.tries[2] == tries[2] == 1  # what was known to be accepted is not sent again
    assert len(given.with_name("october.ndjson.refused.ndjson").read_text().splitlines()) == 1
    assert left(given) == {".refused.ndjson"}


def test_ctrl_c_ends_the_waiting_too_and_the_same_command_goes_on(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    given.write_bytes(file(1, 600))  # more than is read ahead
    before = signal.getsignal(signal.SIGINT)
    slow: Answer = (503, "", {"retry-after": "200"})  # for which a thread waits
    gateway.answers = {500: [slow]}
    gateway.ctrl_c_at = 500

    stopped = run(str(given), "--state", str(tmp_path))

    assert (stopped.status, stopped.out) == (130, "")
    assert "stopped" in stopped.err
    assert signal.getsignal(signal.SIGINT) == before
    assert gateway.tries[500] == 1
    assert left(given) == {".progress"}
    tries = gateway.tries.copy()

    gateway.ctrl_c_at = 0
    done = run(str(given), "--state", str(tmp_path))
    assert done.out == "600 accepted, 0 refused\n"
    assert set(gateway.accepted) == set(range(1, 601))
    assert gateway.tries[1] == tries[1] == 1
    assert left(given) == set()


@pytest.mark.parametrize(
    "torn", ['{"line": 1', "\0\0\0", '{"line": 1, "reason": "body: not JSON"}\n{"li', '{}\n[1]\n"x"']
)
def test_a_list_of_refused_lines_that_a_crash_tore_is_gone_on_with(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path, torn: str
) -> None:
    given.write_bytes(b"{\n" + file(2, 200) + b"\n{")
    gateway.answers = {150: [(403, "Forbidden", {})]}
    assert run(str(given), "--state", str(tmp_path)).status == 1
    refused = given.with_name("october.ndjson.refused.ndjson")
    refused.write_text(torn)

    done = run(str(given), "--json", "--state", str(tmp_path))

    assert done.json["refused"] == 2
    whole = torn.startswith('{"line": 1, ')
    assert [json.loads(line)["line"] for line in refused.read_text().splitlines()] == ([1, 201] if whole else [201])
    assert (f"{refused}: of 1 refused before, 1 are missing: the disk or the machine failed" in done.err) is not whole


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "compressed"])
def test_on_a_terminal_it_shows_how_far_it_is_and_elsewhere_it_is_quiet(
    run: Callable[..., Result], given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any
) -> None:
    size = len(given.read_bytes())
    given.write_bytes(pack(given.read_bytes() + b"\n{"))
    assert run(str(given), "--state", str(tmp_path)).err == ""

    monkeypatch.setenv("FORCE_COLOR", "1")  # as rich takes it: a terminal is there
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    shown = run(str(given), "--state", str(tmp_path))
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.err).rstrip().splitlines()[-1]
    assert last.startswith("200 accepted, 1 refused ")
    assert last.endswith(f" {size + 2}/{size + 2 if pack is bytes else '?'}")
    assert shown.out.startswith("200 accepted, 1 refused: see ")


def test_what_was_begun_for_another_file_is_not_gone_on_with(
    run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    progress = given.with_name("october.ndjson.progress")
    for content, message in (
        ('{"target": "x", "offset": 9, "line": 2}', "is of another file or stage; remove it to begin anew"),
        ("{", "is not readable; remove it to begin anew"),
    ):
        progress.write_text(content)
        done = run(str(given), "--state", str(tmp_path))
        assert done.status == 2
        assert message in done.err


def test_something_else_than_punches_is_said(run: Callable[..., Result], given: Path, tmp_path: Path) -> None:
    assert f"{tmp_path} is no file" in run(str(tmp_path), "--state", str(tmp_path)).err
    given.write_bytes(b"%PDF-1.7\n")
    done = run(str(given), "--state", str(tmp_path))
    assert done.status == 2
    assert "line 1 is neither a JSON object nor a header" in done.err


def test_a_stage_on_aws_wants_the_key_in_the_environment(run: Callable[..., Result], given: Path) -> None:
    done = run(str(given), "--stage", "dev")
    assert done.status == 2
    assert "set PONTO_API_KEY to an API key of the stage" in done.err
