"""`ponto import` with an API of paper: what is sent, tried again, refused and gone on with."""

import errno
import gzip
import json
import os
import re
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Result, write_stack
from tests.gateway import Answer, answer_requests
from tests.unit.test_files import THINGS, state
from tests.unit.test_files import folder as folder
from tests.unit.test_uploads import file, punch
from tools import cli
from tools.imports import api as imports_api

ACCEPTED: Answer = (202, '{"message":"accepted"}', {})
URL = "http://127.0.0.1:1/restapis/a/local/_user_request_/ponto"


class Gateway:
    """Answers each punch: with the next of its own answers, or accepted."""

    def __init__(self) -> None:
        self.accepted: list[int] = []
        self.tries: Counter[int] = Counter()
        self.answers: dict[int, list[Answer]] = {}  # by employee
        self.keys: set[str] = set()
        self.ctrl_c_at = 0  # the employee with whose punch somebody stops the command
        self._lock = threading.Lock()

    def answer(self, body: bytes, headers: Mapping[str, str]) -> Answer:
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

    def answer(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        assert (method, url) == ("POST", URL)
        return gateway.answer(body or b"", headers)

    answer_requests(monkeypatch, answer)
    monkeypatch.setattr(imports_api, "_FIRST_WAIT", 0.001)
    monkeypatch.delenv("PONTO_API_KEY", raising=False)
    return gateway


@pytest.fixture
def run(gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:  # noqa: ARG001
    write_stack(tmp_path, api_url=URL, api_key="CANARY")

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


@pytest.mark.parametrize("kind", ["progress", "refused.ndjson"])
@pytest.mark.parametrize("thing", [name for name in THINGS if name != "device"])  # which only root makes
def test_what_lies_in_the_place_of_its_files_is_left_alone(
    gateway: Gateway, run: Callable[..., Result], folder: Path, thing: str, kind: str
) -> None:
    make, why = THINGS[thing]
    given = folder / "f"
    given.write_bytes(b"{\n" + file(2, 3))
    make(given.with_name(f"f.{kind}"))
    before = state(folder)

    done = run(str(given), "--state", str(write_stack(folder, api_url=URL, api_key="CANARY")))
    (folder / "stack.json").unlink()

    assert (done.status, done.out) == (2, "")
    assert f"f.{kind} {why}" in done.err
    assert (state(folder), gateway.accepted) == (before, [])


def test_another_name_of_an_earlier_list_keeps_what_is_in_it(
    run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    given.write_bytes(b"{")
    other = tmp_path / "other"
    other.write_text("somebody's")
    given.with_name("october.ndjson.refused.ndjson").hardlink_to(other)
    assert run(str(given), "--state", str(tmp_path)).out.startswith("0 accepted, 1 refused")
    assert other.read_text() == "somebody's"


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_sent(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **how: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(how["dir"]))

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)

    done = run(str(given), "--state", str(tmp_path))

    assert done.status == 2
    assert f"cannot write {given}.progress: Permission denied" in done.err
    assert gateway.accepted == []


def test_an_import_that_sends_nothing_keeps_the_list_of_the_one_before(
    gateway: Gateway, run: Callable[..., Result], given: Path
) -> None:
    given.write_bytes(b"{\n" + punch(2))
    assert run(str(given), "--state", str(given.parent)).status == 1
    refused = given.with_name("october.ndjson.refused.ndjson")
    before = refused.read_text()

    given.write_bytes(punch(2))
    gateway.answers = {2: [(403, '{"message":"Forbidden"}', {})]}
    assert run(str(given), "--state", str(given.parent)).status == 1
    assert left(given) == {".refused.ndjson"}
    assert refused.read_text() == before

    assert run(str(given), "--state", str(given.parent)).status == 0
    assert left(given) == set()


def test_refused_lines_are_listed_and_the_next_go_on(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    given.write_bytes(b"\n".join([punch(1), b"{", punch(3), punch(4), punch(5)]))
    gateway.answers = {3: [(400, '{"message":"there is an error in your request: no"}', {})], 4: [(413, "", {})]}
    done = run(str(given), "--json", "--state", str(tmp_path))
    refused = given.with_name("october.ndjson.refused.ndjson")
    assert (done.status, done.json) == (1, {"accepted": 2, "refused": 3, "refusedLines": str(refused)})
    assert [tuple(json.loads(line).values()) for line in refused.read_text().splitlines()] == [
        (2, "body: not JSON, character 1"),
        (3, "there is an error in your request: no"),
        (4, "answered 413"),
    ]


def test_what_passes_is_tried_again(gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path) -> None:
    gateway.answers = {7: [(429, "slow", {}), (503, "", {}), OSError("no way")]}
    assert run(str(given), "--state", str(tmp_path)).status == 0
    assert gateway.tries[7] == 4
    assert len(gateway.accepted) == 200


def test_a_key_that_is_revoked_stops_it_and_another_goes_on_where_it_stopped(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given.write_bytes(b"{\n" + file(2, 200))  # its first line is refused before
    gateway.answers = {150: [(403, '{"message":"Forbidden"}', {})]}
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


def test_ctrl_c_ends_the_sending_though_every_punch_is_accepted(
    gateway: Gateway, run: Callable[..., Result], given: Path, tmp_path: Path
) -> None:
    given.write_bytes(file(1, 2_000))
    gateway.ctrl_c_at = 100

    assert run(str(given), "--state", str(tmp_path)).status == 130

    assert len(gateway.accepted) < 1_500
    gateway.ctrl_c_at = 0
    assert run(str(given), "--state", str(tmp_path)).out == "2000 accepted, 0 refused\n"
    assert set(gateway.accepted) == set(range(1, 2_001))


def stopped(
    gateway: Gateway, run: Callable[..., Result], given: Path, *, pack: Callable[[bytes], bytes] = bytes
) -> Path:
    """Stop an import of which the first line and the last, 201, are refused; return its progress."""
    given.write_bytes(pack(b"{\n" + file(2, 200) + b"\n{"))
    gateway.answers = {150: [(403, '{"message":"Forbidden"}', {})]}
    assert run(str(given), "--state", str(given.parent)).status == 1
    return given.with_name("october.ndjson.progress")


@pytest.mark.parametrize("more", ["", '{"line": 2, "reason": "x"}\n', '{"line": 20', "\0" * 10_000])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "compressed"])
def test_what_a_kill_left_in_the_list_beyond_the_progress_is_cut_off(
    gateway: Gateway, run: Callable[..., Result], given: Path, more: str, pack: Callable[[bytes], bytes]
) -> None:
    stopped(gateway, run, given, pack=pack)
    refused = given.with_name("october.ndjson.refused.ndjson")
    refused.write_text(refused.read_text() + more)

    done = run(str(given), "--json", "--state", str(given.parent))

    assert done.json == {"accepted": 199, "refused": 2, "refusedLines": str(refused)}
    assert [json.loads(line)["line"] for line in refused.read_text().splitlines()] == [1, 201]


@pytest.mark.parametrize("lacking", ["", '{"line": 1', "\0" * 10_000, None])
def test_a_list_that_lacks_a_refused_line_is_not_gone_on_with(
    gateway: Gateway, run: Callable[..., Result], given: Path, lacking: str | None
) -> None:
    progress = stopped(gateway, run, given)
    refused = given.with_name("october.ndjson.refused.ndjson")
    if lacking is None:
        refused.unlink()
    else:
        refused.write_text(lacking)
    accepted = list(gateway.accepted)

    done = run(str(given), "--state", str(given.parent))

    assert done.status == 2
    assert f"{refused} does not hold the 1 lines that were refused before; remove {progress} to begin" in done.err
    assert gateway.accepted == accepted


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "compressed"])
@pytest.mark.parametrize("first", [punch(1), b"{x"])
def test_a_line_that_is_mended_before_the_rest_is_sent_is_not_passed_over(
    gateway: Gateway, run: Callable[..., Result], given: Path, first: bytes, pack: Callable[[bytes], bytes]
) -> None:
    progress = stopped(gateway, run, given, pack=pack)
    given.write_bytes(pack(first + b"\n" + file(2, 200)))

    done = run(str(given), "--state", str(given.parent))
    assert done.status == 2
    assert f"{progress} is of another file, or {given} was changed in the part that is done; remove" in done.err

    progress.unlink()
    done = run(str(given), "--json", "--state", str(given.parent))
    assert done.json["refused"] == (first != punch(1))
    assert set(gateway.accepted) == set(range(1 if first == punch(1) else 2, 201))


def test_a_file_that_has_grown_since_is_gone_on_with(gateway: Gateway, run: Callable[..., Result], given: Path) -> None:
    stopped(gateway, run, given)
    given.write_bytes(b"{\n" + file(2, 300))
    assert run(str(given), "--state", str(given.parent)).out.startswith("299 accepted, 1 refused")
    assert gateway.tries[2] == 1


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


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"url": "https://another"}, "is of another stage"),
        ({"offset": 10**6}, "is of another file"),
        ({"offset": 1}, "is of another file"),
        ({"digest": "0" * 64}, "is of another file"),
        ({"digest": None}, "is of another file"),
        ({"offset": -1}, "is not as it was written"),
        ({"offset": 1.5}, "is not as it was written"),
        ({"offset": "1"}, "is not as it was written"),
        ({"offset": 10**30}, "is not as it was written"),
        ({"accepted": True}, "is not as it was written"),
        ({"accepted": 10**9}, "is not as it was written"),
        ({"refused": None}, "is not as it was written"),
        ({"more": 1}, "is not as it was written"),
    ],
    ids=str,
)
def test_a_progress_that_was_changed_is_not_gone_on_with(
    gateway: Gateway, run: Callable[..., Result], given: Path, change: dict[str, object], why: str
) -> None:
    progress = stopped(gateway, run, given)
    progress.write_text(json.dumps(json.loads(progress.read_text()) | change))
    accepted = list(gateway.accepted)

    done = run(str(given), "--state", str(given.parent))

    assert (done.status, done.out) == (2, "")
    assert f"{progress} {why}" in done.err
    assert "to begin anew" in done.err
    assert gateway.accepted == accepted


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"null", b"\xff", b"[" * 50_000, b'{"offset": ' + b"1" * 5_000])
def test_a_progress_that_is_none_is_said(run: Callable[..., Result], given: Path, content: bytes) -> None:
    progress = given.with_name("october.ndjson.progress")
    progress.write_bytes(content)
    done = run(str(given), "--state", str(given.parent))
    assert done.status == 2
    assert f"{progress} is not as it was written; remove it to begin anew" in done.err


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
