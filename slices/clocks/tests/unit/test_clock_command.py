"""`ponto import clock.txt` and `ponto load documents`, with a bucket of paper."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slices.clocks import documents
from slices.clocks.afd import Survey, header
from slices.clocks.tests.clocks import EIGHT, Clock, cpf, is_named_in, month
from slices.clocks.tests.unit.test_clock_files import PEOPLE, TABLE
from slices.imports import through_bucket
from tests.aws import Calls, refusal, stack
from tests.commands import Run, runner, write_stack

BUCKET = "batida-ponto-local-uploads"
OUTPUTS = {"PunchQueueUrl": "https://queue", "DeadLetterQueueUrl": "https://dead"}


class Stage:
    """A stage's bucket, and the import, which answers each upload with the next of its results."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.results: dict[str, Any] = {}
        self.missing = "NoSuchKey"
        self.stored: dict[str, bytes] = {}
        self.misses = 0  # looks at what is not there yet
        calls.instead["DescribeStacks"] = stack(**OUTPUTS, UploadBucketName=BUCKET)
        calls.instead["PutObject"] = self._put
        calls.instead["GetObject"] = self._get

    def _put(self, _: Callable[[], Any], given: Any) -> Any:
        assert given["Bucket"] == BUCKET
        body = given["Body"]
        self.stored[given["Key"]] = body if isinstance(body, bytes) else body.read()
        return {"VersionId": "v1"}

    def _get(self, _: Callable[[], Any], given: Any) -> Any:
        name = given["Key"].removeprefix("results/clock.txt/v1/")
        if self.misses or name not in self.results:
            self.misses -= bool(self.misses)
            raise refusal(self.missing)
        return {"Body": io.BytesIO(json.dumps(self.results[name]).encode() + b"\n")}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(through_bucket, "_PAUSE", 0.001)
    return Stage(Calls(monkeypatch))


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    write_stack(tmp_path, aws_endpoint_url="http://127.0.0.1:9", aws_access_key_id="LOCAL")
    made = runner(capsys)
    return lambda *words: made(*words, "--state", tmp_path)


def file_of(folder: Path, content: bytes) -> Path:
    file = folder / "clock.txt"
    file.write_bytes(content)
    return file


def summary_of(content: bytes, **counts: int) -> dict[str, Any]:
    first, *others = content.splitlines()
    found = Survey(header(first))
    for line in others:
        found.add(line)
    return {"accepted": 10, "refused": 0, "rounds": 1, "clock": found.summary()} | counts


def test_a_clocks_file_is_uploaded_and_what_it_holds_is_printed(stage: Stage, run: Run, tmp_path: Path) -> None:
    content = Clock(2009).file(*month(Clock(2009), PEOPLE))
    file = file_of(tmp_path, content)
    stage.results["summary.json"] = summary_of(content)
    stage.misses = 5

    done = run("import", file)

    assert stage.stored == {"incoming/clock.txt": content}
    assert (done.status, done.out.splitlines()) == (
        0,
        [
            "10 accepted, 0 refused",
            "Those accepted are in the queue; what is stored already adds no row.",
            "clock 00004000070000123, layout of 2009, NSR 1 to 17",
            "clock set, NSR 7: 2026-10-01T08:00 to 2026-10-01T08:02",
        ],
    )
    assert "s3://batida-ponto-local-uploads/incoming/clock.txt" in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"clock.txt", "stack.json"}
    printed = run("import", file, "--json").json
    results = {"results": "s3://batida-ponto-local-uploads/results/clock.txt/v1/", "refusedLines": None}
    assert printed == stage.results["summary.json"] | results


def test_what_is_missing_repeated_or_counted_otherwise_is_printed(stage: Stage, run: Run, tmp_path: Path) -> None:
    clock = Clock()
    written = [clock.punch(nsr, PEOPLE[0]) for nsr in (1, 2, 2, 5, 9, 9, 10)] + [clock.setting(12, EIGHT, EIGHT)] * 600
    content = clock.file(*written, clock.punch(11, PEOPLE[0])[:-1], trailer=False) + clock.trailer(written[1:]).encode()
    listed = "refused-from-line-1.ndjson"
    summary = summary_of(content, accepted=7, refused=1) | {"refusedIn": [listed]}
    stage.results = {"summary.json": summary, listed: {"line": 610}}
    file = file_of(tmp_path, content)

    done = run("import", file)

    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[2:4] == [
        "clock 00004000070000123, layout of 2021, NSR 1 to 12",
        "missing NSR: 3-4, 6-8, 11",
    ]
    assert lines[4].startswith("repeated NSR: 2, 9, 12, 12,")
    assert lines[4].endswith(" and 101 more")
    assert lines[-2:] == ["and set 100 times more", "records of kind 3: 7 found, the trailer counts 6"]
    assert all(len(line) <= 80 for line in lines[1:4] + lines[5:])


def test_refused_lines_of_all_invocations_are_listed_beside_the_file_until_it_is_mended(
    stage: Stage, run: Run, tmp_path: Path
) -> None:
    content = Clock().file()
    file, listed = file_of(tmp_path, content), tmp_path / "clock.txt.refused.ndjson"
    lists = {f"refused-from-line-{line}.ndjson": {"line": line, "reason": "why"} for line in (1, 900)}
    stage.results = lists | {"summary.json": summary_of(content, accepted=0, refused=2) | {"refusedIn": list(lists)}}

    done = run("import", file)

    assert done.status == 1
    assert done.out.startswith(f"0 accepted, 2 refused: see {listed}\n")
    assert [json.loads(line)["line"] for line in listed.read_text().splitlines()] == [1, 900]
    assert run("import", file, "--json").json["refusedLines"] == str(listed)
    stage.results = {"summary.json": summary_of(content)}
    assert run("import", file).status == 0
    assert not listed.exists()


@pytest.mark.parametrize("lines", [[1], [1, 1], [1, 2, 3]], ids=["one missing", "one twice", "one too many"])
def test_lists_that_do_not_hold_what_the_summary_counts_are_no_result(
    stage: Stage, run: Run, tmp_path: Path, lines: list[int]
) -> None:
    content = Clock().file()
    lists = {f"refused-from-line-{index}.ndjson": {"line": line} for index, line in enumerate(lines)}
    stage.results = lists | {"summary.json": summary_of(content, accepted=0, refused=2) | {"refusedIn": list(lists)}}
    done = run("import", file_of(tmp_path, content))
    assert (done.status, done.out) == (1, "")
    assert "do not hold the 2 refused lines that its summary counts; import the file again" in done.err
    assert not (tmp_path / "clock.txt.refused.ndjson").exists()


def test_a_list_that_cannot_be_written_is_said_before_anything_is_uploaded(
    stage: Stage, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "clock.txt.refused.ndjson").mkdir()
    done = run("import", file_of(tmp_path, Clock().file()))
    assert (done.status, done.out, stage.stored) == (2, "", {})
    assert "clock.txt.refused.ndjson is a folder" in done.err


def test_what_came_late_or_again_is_said_where_nobody_knows_which(stage: Stage, run: Run, tmp_path: Path) -> None:
    content = Clock(2009).file(*(Clock(2009).employee(nsr) for nsr in (*range(1, 1_200, 2), 1_150, 1_149)))
    stage.results["summary.json"] = summary_of(content)
    lines = run("import", file_of(tmp_path, content)).out.splitlines()
    assert lines[3].endswith(" 998, 1000 and 99 more")
    assert lines[4] == "2 records came again, or late into a gap that is not listed"


def test_a_file_without_a_trailer_or_records_says_so(stage: Stage, run: Run, tmp_path: Path) -> None:
    content = Clock().file(trailer=False)
    stage.results["summary.json"] = summary_of(content, accepted=0)
    done = run("import", file_of(tmp_path, content))
    assert done.out.splitlines()[2:] == [
        "clock 00004000070000123, layout of 2021, no record",
        "no trailer: the file may be incomplete",
    ]


def test_an_import_that_failed_says_why_and_what_it_did_before(stage: Stage, run: Run, tmp_path: Path) -> None:
    failure = {"reason": "a hardware clock's file needs documents/documents.csv", "line": 1}
    stage.results["failure.json"] = failure | {"accepted": 0, "refused": 0, "rounds": 0}
    file = file_of(tmp_path, Clock().file())
    done = run("import", file)
    assert (done.status, done.out) == (2, "")
    said = "the import failed at line 1: a hardware clock's file needs documents/documents.csv. 0 accepted, 0 refused"
    assert done.err.endswith(f"{said}\n")

    stage.results = {"refused-from-line-1.ndjson": {"line": 3, "reason": "why"}} | {
        "failure.json": failure
        | {"accepted": 7, "refused": 1, "rounds": 1, "refusedIn": ["refused-from-line-1.ndjson"]}
    }
    done = run("import", file)
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith(f". 7 accepted, 1 refused: see {file}.refused.ndjson\n")
    assert json.loads((tmp_path / "clock.txt.refused.ndjson").read_text())["line"] == 3


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_a_result_that_does_not_come_is_not_waited_for_for_ever(
    stage: Stage, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(through_bucket, "_PATIENCE", 0.01)
    stage.missing = code
    done = run("import", file_of(tmp_path, Clock().file()))
    assert done.status == 1
    assert f"no result yet in s3://{BUCKET}/results/clock.txt/v1/ (S3: {code}); ponto dlq list" in done.err


def test_what_s3_refuses_otherwise_ends_the_waiting(stage: Stage, run: Run, tmp_path: Path) -> None:
    stage.missing = "InvalidAccessKeyId"
    done = run("import", file_of(tmp_path, Clock().file()))
    assert done.status == 2
    assert "InvalidAccessKeyId" in done.err


def test_a_file_that_the_import_would_refuse_as_a_whole_is_not_uploaded(stage: Stage, run: Run, tmp_path: Path) -> None:
    done = run("import", file_of(tmp_path, Clock().file(Clock().header())))
    assert done.status == 2
    assert "line 2 is a second header; import each clock's file by itself" in done.err
    assert stage.calls.made == []


@pytest.mark.parametrize(
    ("words", "content"),
    [(["import"], Clock().file()), (["load", "documents"], TABLE.encode())],
    ids=["import", "load"],
)
def test_a_stage_without_a_bucket_says_so(
    stage: Stage, run: Run, tmp_path: Path, words: list[str], content: bytes
) -> None:
    stage.calls.instead["DescribeStacks"] = stack(**OUTPUTS)
    done = run(*words, file_of(tmp_path, content))
    assert done.status == 2
    assert "stage local takes no files: its parameter uploads is false; deploy it with true" in done.err
    assert stage.stored == {}


# ponto load documents


def test_a_table_of_documents_is_put_where_the_import_looks(stage: Stage, run: Run, tmp_path: Path) -> None:
    file = file_of(tmp_path, f"{TABLE}{cpf(21)};11\n".encode())
    done = run("load", "documents", file)
    assert (done.status, done.out) == (
        0,
        "7 documents of 6 employees are now s3://batida-ponto-local-uploads/documents/documents.csv\n",
    )
    assert stage.stored == {"documents/documents.csv": file.read_bytes()}
    assert run("load", "documents", file, "--json").json == {"documents": 7, "employees": 6}


def test_of_a_table_with_faults_nothing_is_stored_and_no_document_is_printed(
    stage: Stage, run: Run, tmp_path: Path
) -> None:
    file = file_of(tmp_path, f"{TABLE}{cpf(11)};99\n{cpf(17)[:-1]}x;17\n".encode())
    done = run("load", "documents", file)
    assert (done.status, done.out) == (2, "")
    assert "line 8, documento: is on line 2 already\n" in done.err
    assert "line 9, documento: is not 11 digits" in done.err
    assert not is_named_in(done.err, [*PEOPLE, cpf(17)[:-1]])
    assert len(run("load", "documents", file, "--json").json["faults"]) == 2
    assert stage.stored == {}


def test_a_table_larger_than_the_import_reads_is_not_stored(
    stage: Stage, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_BYTES", len(TABLE) - 1)
    done = run("load", "documents", file_of(tmp_path, TABLE.encode()))
    assert done.status == 2
    assert "is larger than" in done.err
    assert stage.stored == {}


def test_a_file_that_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    assert "No such file" in run("load", "documents", tmp_path / "none.csv").err


def test_a_failure_that_an_older_stage_wrote_says_why(stage: Stage, run: Run, tmp_path: Path) -> None:
    stage.results["failure.json"] = {"reason": "line 1 is neither a JSON object nor a header"}
    done = run("import", file_of(tmp_path, Clock().file()))
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith("the import failed: line 1 is neither a JSON object nor a header\n")
