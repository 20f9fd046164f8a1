"""Tests of `ponto import` with a fake API."""

import gzip
import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from slices.imports.tests.unit.test_uploads import file, punch
from tests.clock import FakeClock
from tests.commands import CommandResult, write_stack
from tests.gateway import Response, answer_requests
from tests.unit.test_files import SPECIAL_FILES, state
from tools import cli
from tools.kit.clock import CLOCK, Clock
from tools.kit.collaborators import Collaborators

ACCEPTED: Response = (202, '{"message":"accepted"}', {})
FORBIDDEN: Response = (403, '{"message":"Forbidden"}', {})
URL = "http://127.0.0.1:1/restapis/a/local/_user_request_/ponto"

plain_and_gzipped = pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])


class ImportRun:
    """A file, the command, and the API, which accepts each punch for which it has no other response."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "october.ndjson"
        self.progress = folder / "october.ndjson.progress"
        self.refused = folder / "october.ndjson.refused.ndjson"
        self.accepted: list[int] = []
        self.tries: Counter[int] = Counter()
        self.responses: dict[int, list[Response]] = {}  # by employee
        self.keys: set[str] = set()
        self.ctrl_c_at = 0  # the employee at whose punch Ctrl-C is pressed
        self.clock: Clock = FakeClock()
        self._lock = threading.Lock()
        self._capsys = capsys

    def answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        assert (method, url) == ("POST", URL)
        employee_id = json.loads(body or b"")["usuarioId"]
        if employee_id == self.ctrl_c_at:
            os.kill(os.getpid(), signal.SIGINT)
        with self._lock:
            self.keys.add(headers["x-api-key"])
            self.tries[employee_id] += 1
            remaining = self.responses.get(employee_id, [])
            response = remaining.pop(0) if remaining else ACCEPTED
            if response is ACCEPTED:
                self.accepted.append(employee_id)
            return response

    def run(self, *words: str) -> CommandResult:
        arguments = ["import", str(self.file), "--state", str(self.file.parent), *words]
        status = cli.main(arguments, Collaborators(self.clock))
        done = CommandResult(status, *self._capsys.readouterr())
        assert "CANARY" not in done.out + done.err
        return done

    def stop(self, pack: Callable[[bytes], bytes] = bytes) -> None:
        """Run an import whose first and last line (201) are invalid; the API stops it at line 150."""
        self.file.write_bytes(pack(b"{\n" + file(2, 200) + b"\n{"))
        self.responses = {150: [FORBIDDEN]}
        assert self.run().status == 1

    def refused_numbers(self) -> list[int]:
        """Return the numbers of the refused lines."""
        return [json.loads(line)["line"] for line in self.refused.read_text().splitlines()]

    def extensions(self) -> set[str]:
        """Return the extensions of the files beside the file."""
        return {path.name.removeprefix(self.file.name) for path in self.file.parent.glob(f"{self.file.name}?*")}


@pytest.fixture
def importing(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ImportRun:
    importing = ImportRun(folder, capsys)
    importing.file.write_bytes(file(1, 200))
    write_stack(folder, api_url=URL, api_key="CANARY")
    answer_requests(monkeypatch, importing.answer)
    monkeypatch.delenv("PONTO_API_KEY", raising=False)
    return importing


def test_complete_import_leaves_no_files(importing: ImportRun) -> None:
    done = importing.run()
    assert (done.status, done.out) == (
        0,
        "200 accepted, 0 refused\nAccepted punches are in the queue; those already stored add no row.\n",
    )
    assert sorted(importing.accepted) == list(range(1, 201))
    assert importing.keys == {"CANARY"}
    assert importing.extensions() == set()


@pytest.mark.parametrize("extension", ["progress", "refused.ndjson"])
@pytest.mark.parametrize("file_type", [name for name in SPECIAL_FILES if name != "device"])  # only root creates devices
def test_existing_files_are_not_overwritten(importing: ImportRun, folder: Path, file_type: str, extension: str) -> None:
    create, reason = SPECIAL_FILES[file_type]
    importing.file.write_bytes(b"{\n" + file(2, 3))
    create(folder / f"october.ndjson.{extension}")
    before = state(folder)

    done = importing.run()

    assert (done.status, done.out) == (2, "")
    assert f"october.ndjson.{extension} {reason}" in done.err
    assert (state(folder), importing.accepted) == (before, [])


def test_import_that_sends_nothing_keeps_the_previous_list(importing: ImportRun) -> None:
    importing.file.write_bytes(b"{\n" + punch(2))
    assert importing.run().status == 1
    before = importing.refused.read_text()

    importing.file.write_bytes(punch(2))
    importing.responses = {2: [FORBIDDEN]}
    assert importing.run().status == 1
    assert importing.extensions() == {".refused.ndjson"}
    assert importing.refused.read_text() == before

    assert importing.run().status == 0
    assert importing.extensions() == set()


def test_refused_lines_are_listed_and_the_import_continues(importing: ImportRun) -> None:
    importing.file.write_bytes(b"\n".join([punch(1), b"{", punch(3), punch(4), punch(5)]))
    importing.responses = {3: [(400, '{"message":"there is an error in your request: no"}', {})], 4: [(413, "", {})]}
    done = importing.run("--json")
    assert (done.status, done.json) == (1, {"accepted": 2, "refused": 3, "refusedLines": str(importing.refused)})
    assert [tuple(json.loads(line).values()) for line in importing.refused.read_text().splitlines()] == [
        (2, "body: not JSON, character 1"),
        (3, "there is an error in your request: no"),
        (4, "the API answered 413"),
    ]


def test_import_stopped_by_revoked_key_resumes_with_another_key(
    importing: ImportRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.file.write_bytes(b"{\n" + file(2, 200))  # the first line is refused
    importing.responses = {150: [FORBIDDEN]}
    stopped = importing.run()
    assert stopped.status == 1
    assert "the API answered 403: the API key is wrong or was revoked" in stopped.err
    assert "run the same command again to resume" in stopped.err
    assert importing.extensions() == {".progress", ".refused.ndjson"}
    tries = importing.tries.copy()

    monkeypatch.setenv("PONTO_API_KEY", "another")
    done = importing.run()
    assert done.out.startswith("199 accepted, 1 refused")
    assert "resuming at line " in done.err
    assert importing.keys == {"CANARY", "another"}
    assert set(importing.accepted) == set(range(2, 201))
    assert importing.tries[2] == tries[2] == 1  # punches that the progress counts are not sent again
    assert importing.refused_numbers() == [1]
    assert importing.extensions() == {".refused.ndjson"}


@pytest.mark.parametrize(("lines", "at", "waits"), [(600, 500, True), (2_000, 100, False)], ids=["waiting", "sending"])
def test_import_stopped_by_ctrl_c_resumes(importing: ImportRun, lines: int, at: int, waits: bool) -> None:
    importing.file.write_bytes(file(1, lines))  # more than is read ahead
    before = signal.getsignal(signal.SIGINT)
    importing.ctrl_c_at = at
    if waits:
        importing.responses = {at: [(503, "", {"retry-after": "200"})]}  # a thread waits for it
        importing.clock = CLOCK

    stopped = importing.run()

    assert (stopped.status, stopped.out) == (130, "")
    assert "stopped" in stopped.err
    assert signal.getsignal(signal.SIGINT) == before
    assert importing.tries[at] <= 1
    assert importing.extensions() == {".progress"}
    assert len(importing.accepted) < 0.75 * lines or waits
    tries = importing.tries.copy()

    importing.ctrl_c_at = 0
    assert importing.run().out.startswith(f"{lines} accepted, 0 refused\n")
    assert set(importing.accepted) == set(range(1, lines + 1))
    assert importing.tries[1] == tries[1] == 1
    assert importing.extensions() == set()


@pytest.mark.parametrize("more", ["", '{"line": 2, "reason": "x"}\n', '{"line": 20', "\0" * 10_000])
@plain_and_gzipped
def test_lines_of_the_list_beyond_the_progress_are_truncated(
    importing: ImportRun, more: str, pack: Callable[[bytes], bytes]
) -> None:
    importing.stop(pack)
    importing.refused.write_text(importing.refused.read_text() + more)

    assert importing.run("--json").json == {"accepted": 199, "refused": 2, "refusedLines": str(importing.refused)}
    assert importing.refused_numbers() == [1, 201]


@pytest.mark.parametrize("content", ["", '{"line": 1', "\0" * 10_000, None])
def test_incomplete_list_of_refused_lines_is_an_error(importing: ImportRun, content: str | None) -> None:
    importing.stop()
    if content is None:
        importing.refused.unlink()
    else:
        importing.refused.write_text(content)
    accepted = list(importing.accepted)

    done = importing.run()

    message = f"{importing.refused} does not list the 1 refused line so far"
    assert done.status == 2
    assert f"{message}; remove {importing.progress} to start" in done.err
    assert importing.accepted == accepted


@plain_and_gzipped
@pytest.mark.parametrize("first", [punch(1), b"{x"])
def test_change_in_the_imported_part_is_an_error(
    importing: ImportRun, first: bytes, pack: Callable[[bytes], bytes]
) -> None:
    importing.stop(pack)
    importing.file.write_bytes(pack(first + b"\n" + file(2, 200)))

    done = importing.run()
    message = f"{importing.progress} belongs to another file, or {importing.file} was changed in the part"
    assert done.status == 2
    assert message in done.err

    importing.progress.unlink()
    assert importing.run("--json").json["refused"] == (first != punch(1))
    assert set(importing.accepted) == set(range(1 if first == punch(1) else 2, 201))


def test_import_resumes_if_lines_were_appended(importing: ImportRun) -> None:
    importing.stop()
    importing.file.write_bytes(b"{\n" + file(2, 300))
    assert importing.run().out.startswith("299 accepted, 1 refused")
    assert importing.tries[2] == 1


@plain_and_gzipped
def test_progress_is_shown_on_a_terminal_only(importing: ImportRun, monkeypatch: pytest.MonkeyPatch, pack: Any) -> None:
    content = file(1, 200) + b"\n{"
    importing.file.write_bytes(pack(content))
    assert importing.run().err == ""

    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then assumes a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    shown = importing.run()
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.err).rstrip().splitlines()[-1]
    assert last.startswith("200 accepted, 1 refused ")
    assert last.endswith(f" {len(content)}/{len(content) if pack is bytes else '?'}")
    assert shown.out.startswith("200 accepted, 1 refused: see ")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"url": "https://another"}, "belongs to an import into another stage"),
        ({"offset": 10**6}, "belongs to another file"),
        ({"offset": 1}, "belongs to another file"),
        ({"digest": "0" * 64}, "belongs to another file"),
        ({"digest": None}, "belongs to another file"),
        ({"offset": -1}, "is damaged"),
        ({"offset": 1.5}, "is damaged"),
        ({"offset": "1"}, "is damaged"),
        ({"offset": 10**30}, "is damaged"),
        ({"accepted": True}, "is damaged"),
        ({"accepted": 10**9}, "is damaged"),
        ({"refused": None}, "is damaged"),
        ({"more": 1}, "is damaged"),
    ],
    ids=str,
)
def test_changed_progress_is_an_error(importing: ImportRun, change: dict[str, object], why: str) -> None:
    importing.stop()
    importing.progress.write_text(json.dumps(json.loads(importing.progress.read_text()) | change))
    accepted = list(importing.accepted)

    done = importing.run()

    assert (done.status, done.out) == (2, "")
    assert f"{importing.progress} {why}" in done.err
    assert "to start again" in done.err
    assert importing.accepted == accepted


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"null", b"\xff", b"[" * 50_000, b'{"offset": ' + b"1" * 5_000])
def test_invalid_progress_is_an_error(importing: ImportRun, content: bytes) -> None:
    importing.progress.write_bytes(content)
    done = importing.run()
    assert done.status == 2
    assert f"{importing.progress} is damaged; remove it to start again" in done.err


def test_file_without_punches_and_folder_are_errors(importing: ImportRun, folder: Path) -> None:
    importing.file.write_bytes(b"%PDF-1.7\n")
    done = importing.run()
    assert done.status == 2
    assert "line 1: neither a JSON object nor a CSV header" in done.err
    importing.file = folder
    assert f"{folder} is not a file" in importing.run().err


def test_incomplete_gzip_file_is_an_error_with_counts(importing: ImportRun) -> None:
    importing.file.write_bytes(gzip.compress(b"{\n" + file(2, 200) + b"\n")[:-9])
    for _ in range(2):
        done = importing.run()
        assert (done.status, done.out) == (2, "")
        message = "the gzip data is corrupt or incomplete: EOFError. 199 accepted, 1 refused: see "
        assert f"{importing.file}: {message}{importing.refused}\n" in done.err
        assert sorted(importing.accepted) == list(range(2, 201))
    assert importing.refused_numbers() == [1]


def test_stage_on_aws_requires_the_key_variable(importing: ImportRun) -> None:
    done = importing.run("--stage", "dev")
    assert done.status == 2
    assert "set PONTO_API_KEY to an API key of the stage" in done.err
