"""Tests of `ponto import` with a fake bucket."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slices.imports import command, file_formats
from slices.imports.file_formats import FatalLineError
from tests.aws import Calls, refusal, stack
from tests.clock import FakeClock
from tests.commands import Run, runner, write_stack
from tools.kit import event
from tools.kit.collaborators import Collaborators

BUCKET = "batida-ponto-local-uploads"
OUTPUTS = {"QueueUrl": "https://queue", "DeadLetterQueueUrl": "https://dead", "ApiId": "abc"}
CONTENT = b"machine 7\n1\n2\n"


class Stage:
    """A stage whose bucket has the results of the next import."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.results: dict[str, Any] = {}
        self.stored: dict[str, bytes] = {}
        self.misses = 0  # number of requests before the results exist
        calls.stubs["DescribeStacks"] = stack(**OUTPUTS, UploadBucketName=BUCKET)
        calls.stubs["PutObject"] = self._put
        calls.stubs["GetObject"] = self._get

    def _put(self, _: Callable[[], Any], parameters: Any) -> Any:
        assert parameters["Bucket"] == BUCKET
        body = parameters["Body"]
        self.stored[parameters["Key"]] = body if isinstance(body, bytes) else body.read()
        return {"VersionId": "v1"}

    def _get(self, _: Callable[[], Any], parameters: Any) -> Any:
        folder, _, name = parameters["Key"].rpartition("/")
        assert folder.replace("results/", "incoming/").removesuffix("/v1") in self.stored
        if self.misses or name not in self.results:
            self.misses -= bool(self.misses)
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(json.dumps(self.results[name]).encode() + b"\n")}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage with a bucket for files."""
    return Stage(Calls(monkeypatch))


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `ponto` on the stage."""
    write_stack(tmp_path, aws_endpoint_url="http://127.0.0.1:9", aws_access_key_id="LOCAL")
    run_program = runner(capsys, collaborators=Collaborators(FakeClock()))
    return lambda *words: run_program(*words, "--state", tmp_path)


class Machine:
    """An inspector of a file whose lines are numbers."""

    def __init__(self) -> None:
        self._lines = 0

    def add(self, line: bytes) -> None:
        if not line.strip().isdigit():
            raise FatalLineError("not a number")
        self._lines += 1

    def summary(self) -> dict[str, int]:
        return {"lines": self._lines}


def describe(summary: Any) -> Iterator[str]:
    yield f"a machine's {summary['lines']} lines"


FORMAT = file_formats.FileFormat(
    "machine", lambda line: line.startswith(b"machine "), lambda _: Machine(), lambda *_: lambda _: None, describe
)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file in the format `FORMAT`, which is the only one available."""
    monkeypatch.setattr(file_formats, "available_formats", lambda: (FORMAT,))
    file = tmp_path / "machine.txt"
    file.write_bytes(CONTENT)
    return file


def create_summary(**counts: int) -> dict[str, Any]:
    return {"accepted": 2, "refused": 0, "machine": {"lines": 2}} | counts


def test_file_is_uploaded_and_its_result_is_printed(stage: Stage, run: Run, machine: Path) -> None:
    stage.results["summary.json"] = create_summary()
    stage.misses = 5

    done = run("import", machine)

    assert stage.stored == {"incoming/machine.txt": CONTENT}
    assert (done.status, done.out.splitlines()) == (
        0,
        [
            "2 accepted, 0 refused",
            "Accepted punches are in the queue; those already stored add no row.",
            "a machine's 2 lines",
        ],
    )
    assert f"s3://{BUCKET}/incoming/machine.txt" in done.err
    assert {path.name for path in machine.parent.iterdir()} == {"machine.txt", "stack.json"}
    printed = run("import", machine, "--json").json
    results = {"results": f"s3://{BUCKET}/results/machine.txt/v1/", "refusedLines": None}
    assert printed == stage.results["summary.json"] | results


def test_invalid_file_is_not_uploaded(stage: Stage, run: Run, machine: Path) -> None:
    machine.write_bytes(CONTENT + b"x\n")
    done = run("import", machine)
    assert done.status == 2
    assert "line 4: not a number" in done.err
    assert stage.calls.history == []


def test_text_file_that_is_too_long_or_of_unknown_format_is_not_uploaded(
    stage: Stage, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "october.csv"
    file.write_text("1;2026-10-01T08:00\n" * 9)
    unknown = run("import", file)
    assert (unknown.status, "neither a JSON object nor a CSV header" in unknown.err) == (2, True)

    monkeypatch.setattr(command, "MAX_LINES", 9)
    header = ";".join(event.body(1, "2026-10-01T08:00:00Z"))
    file.write_text(f"{header}\n{file.read_text()}")
    long = run("import", file)
    assert (long.status, "more than 9 lines" in long.err) == (2, True)
    assert stage.calls.history == []


def test_stage_without_a_bucket_is_told_which_parameter_it_needs(stage: Stage, run: Run, machine: Path) -> None:
    stage.calls.stubs["DescribeStacks"] = stack(**OUTPUTS)
    done = run("import", machine)
    assert (done.status, "set its parameter uploads to true and deploy" in done.err) == (2, True)


def test_refused_lines_are_written_beside_the_file(stage: Stage, run: Run, machine: Path, tmp_path: Path) -> None:
    refused_path = tmp_path / "machine.txt.refused.ndjson"
    stage.results = {
        "refused.ndjson": {"line": 3, "reason": "why"},
        "summary.json": create_summary(accepted=1, refused=1),
    }
    done = run("import", machine)
    assert (done.status, done.out.partition("\n")[0]) == (1, f"1 accepted, 1 refused: see {refused_path}")
    assert json.loads(refused_path.read_text())["line"] == 3

    stage.results = {"summary.json": create_summary()}
    assert run("import", machine).status == 0
    assert not refused_path.exists()


def test_failed_import_prints_reason_and_counts(stage: Stage, run: Run, machine: Path) -> None:
    stage.results["failure.json"] = {"reason": "a machine's file needs a table", "line": 1, "accepted": 7, "refused": 0}
    done = run("import", machine)
    assert (done.status, done.out) == (2, "")
    assert "the import failed at line 1: a machine's file needs a table. 7 accepted, 0 refused" in done.err
