"""Tests of `function.main` with a fake bucket, queue and Lambda."""

import gzip
import io
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from ponto.config import ConfigurationError
from slices.imports import batches, function, lines, uploads
from slices.imports.batches import OutOfTimeError, QueueSender, SendFailedError
from slices.imports.file_formats import InvalidFileError
from slices.imports.lines import FileLine
from slices.imports.raw_lines import FILE_START, Position
from slices.imports.tests.unit.test_lines import ZONE
from slices.imports.uploads import MAX_INVOCATIONS, Importer, InvalidEventError, TooManyInvocationsError, parse_event
from tests.aws import Calls, receive_all
from tests.events import NOT_SQS, Context, aws, record, sqs_event
from tools.kit import dead_letters
from tools.kit import event as kit_event

BUCKET = "batida-ponto-dev-uploads-1q2w3e"
RESERVE = uploads.RESERVE_SECONDS
FUNCTION = "batida-ponto-dev-importacao"


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "made up"}, "ResponseMetadata": cast(Any, {"HTTPStatusCode": status})},
        "Call",
    )


class Bucket:
    """A fake S3 client."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str | None], bytes] = {}
        self.results: dict[str, bytes] = {}
        self.fails_after: int | None = None  # bytes of a body; None: never
        self.supports_ranges = True
        self.got_range_request = False
        self.read_bytes = 0  # read from all bodies

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None, Range: str = "") -> Any:  # noqa: N803
        assert Bucket == BUCKET
        if (Key, VersionId) not in self.objects:
            raise client_error("NoSuchKey", 404)
        content = self.objects[Key, VersionId]
        self.got_range_request |= bool(Range)
        if not Range or not self.supports_ranges:
            return {"Body": _Body(self, content)}
        offset = int(Range.removeprefix("bytes=").removesuffix("-"))
        if offset >= len(content):
            raise client_error("InvalidRange", 416)
        part = f"bytes {offset}-{len(content) - 1}/{len(content)}"
        return {"Body": _Body(self, content[offset:]), "ContentRange": part}

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:  # noqa: N803
        assert Bucket == BUCKET
        assert len(Key.encode()) <= 1_024, "KeyTooLongError"
        self.results[Key] = Body if isinstance(Body, bytes) else Body.read()

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        assert Bucket == BUCKET
        self.results.pop(Key, None)


class _Body(io.BytesIO):
    def __init__(self, bucket: Bucket, content: bytes) -> None:
        super().__init__(content)
        self._bucket = bucket
        self._fails_after = bucket.fails_after

    def read(self, size: int | None = -1) -> bytes:
        if self._fails_after is not None and self.tell() >= self._fails_after:
            raise ReadTimeoutError(endpoint_url="https://s3")
        part = super().read(size if self._fails_after is None else self._fails_after)
        self._bucket.read_bytes += len(part)
        return part


class Queue:
    """Records punches instead of sending them. Other tests run `QueueSender.send` with a queue in moto."""

    def __init__(self) -> None:
        self.punches: list[FileLine] = []
        self.open_calls: int | None = None  # number of calls before access is denied; None: never
        self.seconds = 0.0  # duration of a call
        self.max_concurrency = 0
        self._lock = threading.Lock()
        self._concurrency = 0

    def send(self, punches: Sequence[FileLine], _: float) -> dict[int, str]:
        with self._lock:
            self._concurrency += 1
            self.max_concurrency = max(self.max_concurrency, self._concurrency)
        time.sleep(self.seconds)
        with self._lock:
            self._concurrency -= 1
            if self.open_calls is not None:
                if not self.open_calls:
                    raise SendFailedError("cannot send to the punch queue: AccessDenied")
                self.open_calls -= 1
            self.punches += punches
            return {}

    def employee_ids(self) -> list[int]:
        return [punch.employee_id for punch in self.punches]


class Functions:
    """A fake Lambda client."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:  # noqa: N803
        assert (FunctionName, InvocationType) == (FUNCTION, "Event")
        self.events.append(json.loads(Payload))


class FakeAws:
    """The environment of the function: a bucket, a queue and Lambda."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bucket, self.queue, self.functions = Bucket(), Queue(), Functions()
        self.max_refused = lines.MAX_REFUSED_LINES
        patch.setattr(uploads, "create_importer", self.importer)
        patch.setenv("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
        patch.setenv("QUEUE_URL", "https://queue")
        patch.setenv("TIME_ZONE", "America/Sao_Paulo")

    def importer(self, settings: uploads.ImportSettings, monotonic: Callable[[], float] = time.monotonic) -> Importer:
        s3, functions = cast(Any, self.bucket), cast(Any, self.functions)
        return Importer(settings.zone, s3, self.queue.send, functions, monotonic, self.max_refused)

    def upload(self, content: bytes, key: str = "incoming/october.ndjson", version: str | None = "v1") -> Any:
        self.bucket.objects[key, version] = content
        return event(key, version)

    def run(self, event: Any, seconds: float = 30) -> None:
        function.main(event, Context(RESERVE + seconds))

    def run_all(self, event: Any, seconds: float) -> int:
        """Run an event and the continuations of its file; return the number of invocations."""
        invocations = 0
        self.functions.events.append(event)
        while self.functions.events:
            invocations += 1
            self.run(self.functions.events.pop(0), seconds)
        return invocations

    def result(self, name: str, folder: str = "results/october.ndjson/v1") -> Any:
        return [json.loads(line) for line in self.bucket.results[f"{folder}/{name}"].splitlines()]

    def refused(self, name: str = "summary.json", folder: str = "results/october.ndjson/v1") -> Any:
        """Return the lines of the lists that a result names."""
        (result,) = self.result(name, folder)
        return [line for list_name in result["refusedIn"] for line in self.result(list_name, folder)]


def event(key: str, version: str | None, bucket: str = BUCKET) -> Any:
    quoted = key.replace("%", "%25").replace(" ", "+")
    s3_object: dict[str, Any] = {"key": quoted, "size": 1} | ({"versionId": version} if version else {})
    return {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": bucket}, "object": s3_object}}]}


def punch(employee_id: int, **more: object) -> bytes:
    return json.dumps(kit_event.body(employee_id, "2026-10-01T08:00Z", **more)).encode()


def file(first: int, last: int) -> bytes:
    return b"\n".join(punch(employee_id) for employee_id in range(first, last + 1))


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    return FakeAws(monkeypatch)


def test_file_is_sent_unchanged_by_several_threads_and_logged(
    fake_aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_aws.queue.seconds = 0.02
    content = file(1, 995)
    fake_aws.run(fake_aws.upload(content, "incoming/gate 1/100%.ndjson"))
    assert sorted(punch.body for punch in fake_aws.queue.punches) == sorted(content.decode().split("\n"))
    assert fake_aws.queue.max_concurrency == batches.THREADS
    folder = "results/gate 1/100%.ndjson/v1"
    assert fake_aws.result("summary.json", folder) == [{"accepted": 995, "refused": 0, "rounds": 1}]
    assert len(fake_aws.bucket.results) == 1
    line = json.loads(capsys.readouterr().out)
    assert line["message"] == "import"
    assert "handedOn" not in line
    assert (line["file"], line["accepted"], line["refused"], line["nextLine"]) == (
        "incoming/gate 1/100%.ndjson", 995, 0, 996
    )  # fmt: skip


def test_refused_lines_are_listed_with_reasons_and_other_lines_are_sent(fake_aws: FakeAws) -> None:
    fake_aws.run(fake_aws.upload(b"\n".join([punch(1), b"{", punch(0), punch(4)])))
    assert fake_aws.queue.employee_ids() == [1, 4]
    (summary,) = fake_aws.result("summary.json")
    assert re.fullmatch(r"refused-from-line-1-[0-9a-f]{16}\.ndjson", *summary.pop("refusedIn"))
    assert summary == {"accepted": 2, "refused": 2, "rounds": 1}
    assert fake_aws.refused() == [
        {"line": 2, "reason": "body: not JSON, character 1"},
        {"line": 3, "reason": "usuarioId: must be an integer from 1 to 9007199254740991"},
    ]


def test_file_without_punches_has_results(fake_aws: FakeAws) -> None:
    fake_aws.run(fake_aws.upload(b""))
    fake_aws.run(fake_aws.upload(b"\n".join([b"{"] * 2_500), version="v2"))
    assert fake_aws.queue.punches == []
    assert fake_aws.result("summary.json") == [{"accepted": 0, "refused": 0, "rounds": 1}]
    assert len(fake_aws.refused(folder="results/october.ndjson/v2")) == 2_500


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600"])
@pytest.mark.parametrize("version", ["3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY", None])
def test_files_with_longest_possible_names_have_separate_results(
    fake_aws: FakeAws, letter: str, version: str | None
) -> None:
    # The keys of the results have the file's folder.
    name = "incoming/a/" + letter * ((1_024 - len("incoming/a/x")) // len(letter.encode()))
    for last in "xy":
        fake_aws.run(fake_aws.upload(b"{", name + last, version))
    assert {result.rpartition("/")[2][:20] for result in fake_aws.bucket.results} == {
        "summary.json",
        "refused-from-line-1-",
    }
    folders = {result.rpartition("/")[0] for result in fake_aws.bucket.results}
    assert len(folders) == 2
    assert all(folder.startswith(f"results/a/{letter * 100}") for folder in folders)
    assert all(folder.endswith(f"/{version}") for folder in folders)


@pytest.mark.parametrize(
    ("key", "version"), [("incoming/a", None), ("incoming/a.ndjson.gz", "v1")], ids=["no version", "not gzipped"]
)
def test_file_is_read_without_a_version_id_and_regardless_of_its_name(
    fake_aws: FakeAws, key: str, version: str | None
) -> None:
    fake_aws.run(fake_aws.upload(file(1, 3), key, version))
    assert fake_aws.queue.employee_ids() == [1, 2, 3]


# The queue


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Calls of AWS clients; the queue is in moto."""
    with aws():
        monkeypatch.setenv("QUEUE_URL", boto3.client("sqs").create_queue(QueueName="punches")["QueueUrl"])
        yield Calls(monkeypatch)


def send(first: int, last: int, *, seconds: float = 30, **settings: Any) -> dict[int, str]:
    """Send punches as the function does; return the reasons for refused lines, by number."""
    content = file(first, last)
    punches = list(lines.read_lines(lambda _: io.BytesIO(content), ZONE))
    client = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))
    sender = QueueSender(
        client, os.environ["QUEUE_URL"], **{"requires_sign_in": False, "first_delay": 0.001} | settings
    )
    return sender.send(punches, time.monotonic() + seconds)


def received() -> list[Any]:
    return receive_all(boto3.client("sqs"), os.environ["QUEUE_URL"])


def employee_ids() -> list[int]:
    return [json.loads(message["Body"])["usuarioId"] for message in received()]


def refuse(*failures: dict[int, str] | ClientError | EndpointConnectionError) -> Callable[..., Any]:
    """Fail each call with the next exception, or refuse the punches of some employees; then accept everything."""
    remaining = list(failures)

    def answer(call: Callable[[], Any], parameters: Any) -> Any:
        failure = remaining.pop(0) if remaining else {}
        if isinstance(failure, Exception):
            raise failure
        entries = {json.loads(entry["MessageBody"])["usuarioId"]: entry for entry in parameters["Entries"]}
        failed = [
            {"Id": entry["Id"], "Code": failure[employee_id], "SenderFault": failure[employee_id].startswith("Invalid")}
            for employee_id, entry in entries.items()
            if employee_id in failure
        ]
        parameters["Entries"] = [entry for employee_id, entry in entries.items() if employee_id not in failure]
        return {**(call() if parameters["Entries"] else {}), "Failed": failed}

    return answer


@pytest.mark.parametrize("requires_sign_in", [True, False])
@pytest.mark.parametrize("group", ["imports", None])
def test_messages_have_employee_attribute_if_sign_in_is_required_and_a_message_group(
    sqs: Calls, monkeypatch: pytest.MonkeyPatch, requires_sign_in: bool, group: str | None
) -> None:
    monkeypatch.setenv("TIME_ZONE", "America/Sao_Paulo")
    monkeypatch.setenv("MESSAGE_GROUP", group or "")
    if requires_sign_in:
        monkeypatch.setenv("IDENTITY", "required")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="incoming/a", Body=file(1, 2))

    function.main(event("incoming/a", None), Context(RESERVE + 30))

    (call,) = sqs.by_operation("SendMessageBatch")
    entries = call.parameters["Entries"]
    assert [entry.get("MessageGroupId") for entry in entries] == [group] * 2
    attributes = [message.get("MessageAttributes") for message in received()]
    assert attributes == [
        {"usuarioId": {"DataType": "String", "StringValue": str(employee_id)}} if requires_sign_in else None
        for employee_id in (1, 2)
    ]


@pytest.mark.usefixtures("sqs")
def test_attributes_of_a_line_are_sent_with_the_employee_attribute() -> None:
    line = FileLine(1, FILE_START, punch(7).decode(), 7, attributes={"nsr": 8})
    QueueSender(boto3.client("sqs"), os.environ["QUEUE_URL"], requires_sign_in=True).send([line], time.monotonic() + 30)
    (message,) = received()
    texts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert texts == {"usuarioId": "7", "nsr": "8"}


def test_only_entries_with_transient_errors_are_sent_again(sqs: Calls) -> None:
    sqs.stubs["SendMessageBatch"] = refuse({1: "InternalError", 8: "InternalError"}, {8: "InvalidSecurity"})
    assert send(1, 10) == {}
    assert employee_ids() == [2, 3, 4, 5, 6, 7, 9, 10, 1, 8]


@pytest.mark.parametrize(
    "error",
    [
        client_error("InternalFailure", 500),
        client_error("AWS.SimpleQueueService.RequestThrottled", 403),
        EndpointConnectionError(endpoint_url="https://queue"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_call_with_transient_error_is_retried(sqs: Calls, error: Any) -> None:
    sqs.stubs["SendMessageBatch"] = refuse(error, error)
    assert send(1, 10) == {}
    assert employee_ids() == list(range(1, 11))


def test_punch_rejected_by_the_queue_is_refused_and_others_are_sent(sqs: Calls) -> None:
    refused = client_error("InvalidMessageContents")
    # The calls contain all punches, the first, the other two, and the second.
    sqs.stubs["SendMessageBatch"] = refuse(refused, {}, refused, refused)
    assert send(1, 3) == {2: "line: rejected by the queue: InvalidMessageContents"}
    assert employee_ids() == [1, 3]

    sqs.stubs["SendMessageBatch"] = refuse({5: "InvalidParameterValue"})
    assert send(4, 6) == {2: "line: rejected by the queue: InvalidParameterValue"}
    assert employee_ids() == [4, 6]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (client_error("AccessDenied", 403), "cannot send to the punch queue: .*AccessDenied"),  # at once
        ({1: "InternalError"}, "cannot send to the punch queue: InternalError"),  # at the deadline
    ],
)
def test_denied_access_or_lasting_errors_of_the_queue_fail_the_file(sqs: Calls, error: Any, message: str) -> None:
    sqs.stubs["SendMessageBatch"] = refuse(*[error] * 100)
    with pytest.raises(SendFailedError, match=message):
        send(1, 5, seconds=0.1)


def test_file_of_which_nothing_was_sent_has_no_results(fake_aws: FakeAws) -> None:
    fake_aws.queue.open_calls = 0
    with pytest.raises(SendFailedError):
        fake_aws.run(fake_aws.upload(file(1, 500)))
    assert (fake_aws.bucket.results, fake_aws.functions.events) == ({}, [])


# Continuing a file


@pytest.mark.parametrize("supports_ranges", [True, False])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_continued_file_is_sent_once(fake_aws: FakeAws, pack: Callable[[bytes], bytes], supports_ranges: bool) -> None:
    fake_aws.bucket.supports_ranges = supports_ranges  # without ranges, S3 returns the whole file
    fake_aws.queue.seconds = 0.02
    assert fake_aws.run_all(fake_aws.upload(pack(file(1, 1_000))), seconds=0.05) > 1
    assert sorted(fake_aws.queue.employee_ids()) == list(range(1, 1_001))
    assert fake_aws.bucket.got_range_request is (pack is bytes)


@pytest.mark.parametrize(
    ("content", "begin", "line"),
    [
        (b"x" * 3_000_000 + b"\n" + punch(1), FILE_START, 1),
        (punch(1) + b"\n" + b"x" * 3_000_000 + b"\n" + punch(2), FILE_START, 2),
        (punch(1) + b"\n" * 3_000_000 + punch(2), Position(2_900_000, 2_900_000), 2_900_000),
    ],
    ids=["long first line", "long second line", "blank lines before the position"],
)
def test_file_fails_if_deadline_passes_before_the_first_line(
    fake_aws: FakeAws, content: bytes, begin: Position, line: int
) -> None:
    (task,) = parse_event(fake_aws.upload(gzip.compress(content)))
    with pytest.raises(OutOfTimeError, match=f"out of time before line {line}$"):
        fake_aws.run_all(task._replace(position=begin).to_event(), seconds=-1)
    assert "summary.json" not in str(fake_aws.bucket.results)


_MIB = 1 << 20


@pytest.mark.parametrize(
    ("content", "has_a_punch"),
    [
        (b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 6 * _MIB, False),
        (gzip.compress(b"") * (6 * _MIB // len(gzip.compress(b""))), False),
        (gzip.compress(punch(1) + b"\n") + bytes(6 * _MIB), True),
    ],
    ids=["long name", "empty members", "zeros after the end"],
)
def test_reading_gzip_data_without_content_stops_at_the_deadline(
    fake_aws: FakeAws, content: bytes, has_a_punch: bool
) -> None:
    upload = fake_aws.upload(content)
    importer = fake_aws.importer(
        function.read_settings(), lambda: fake_aws.bucket.read_bytes / _MIB
    )  # one second for each mebibyte
    if has_a_punch:
        progress, reason = importer.run(upload, RESERVE + 1)
        assert (progress.accepted, reason.partition(":")[0]) == (1, "OutOfTimeError")
        upload = fake_aws.functions.events.pop()
        assert fake_aws.bucket.read_bytes <= 3 * _MIB
        fake_aws.bucket.read_bytes = 0
    with pytest.raises(OutOfTimeError, match="out of time"):
        importer.run(upload, RESERVE + 1)
    assert fake_aws.bucket.read_bytes <= 3 * _MIB


def test_next_invocation_completes_file_if_deadline_passed_at_its_end(fake_aws: FakeAws) -> None:
    content = file(1, 20)
    (task,) = parse_event(fake_aws.upload(content))
    at_the_end = task._replace(position=Position(len(content), 21), accepted=20, invocations=1)
    fake_aws.run(at_the_end.to_event())
    assert fake_aws.queue.punches == []
    assert fake_aws.result("summary.json") == [{"accepted": 20, "refused": 0, "rounds": 2}]


@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 8))
def test_import_resumes_after_access_to_the_queue_was_denied(good: list[bool], calls: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake_aws = FakeAws(patch)
        content = b"\n".join(punch(number) if is_good else b"{" for number, is_good in enumerate(good, 1))
        fake_aws.queue.open_calls = calls
        upload = fake_aws.upload(content)
        try:
            fake_aws.run(upload)
        except SendFailedError:
            fake_aws.functions.events = [upload]  # as a retry or a redrive
        fake_aws.queue.open_calls = None
        if fake_aws.functions.events:
            fake_aws.run_all(fake_aws.functions.events.pop(), 30)
        expected = [number for number, is_good in enumerate(good, 1) if is_good]
        assert sorted(set(fake_aws.queue.employee_ids())) == expected
        summary = fake_aws.result("summary.json")[0]
        assert (summary["accepted"], summary["refused"]) == (len(expected), len(good) - len(expected))


def test_import_continues_after_reading_from_s3_failed_and_logs_why(
    fake_aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    upload = fake_aws.upload(file(1, 5_000))
    fake_aws.bucket.fails_after = 100_000
    fake_aws.run(upload)
    assert json.loads(capsys.readouterr().out)["handedOn"].startswith("ReadTimeoutError: ")
    (next_event,) = fake_aws.functions.events
    assert next_event["continuation"]["line"] > 100
    fake_aws.bucket.fails_after = None
    fake_aws.run_all(fake_aws.functions.events.pop(), 30)
    assert sorted(set(fake_aws.queue.employee_ids())) == list(range(1, 5_001))

    fake_aws.bucket.fails_after = 0
    with pytest.raises(ReadTimeoutError):
        fake_aws.run(upload)


def test_number_of_invocations_is_limited_and_message_names_the_line(fake_aws: FakeAws) -> None:
    (task,) = parse_event(fake_aws.upload(file(1, 10)))
    with pytest.raises(
        TooManyInvocationsError, match=f"not complete after {MAX_INVOCATIONS} invocations; redrive .* at line 1$"
    ):
        fake_aws.run(task._replace(invocations=MAX_INVOCATIONS).to_event())
    assert fake_aws.result("failure.json")[0]["reason"].startswith("not complete after")
    fake_aws.run(task._replace(invocations=MAX_INVOCATIONS - 1).to_event())
    assert len(fake_aws.queue.punches) == 10


# Invalid files and events


@pytest.mark.parametrize(
    ("content", "message", "sent", "line"),
    [
        (gzip.compress(b"{\n" + file(1, 2_000) + b"\n")[:-9], "the gzip data is corrupt", 2_000, 2_002),
        (gzip.compress(b"{\n" + punch(1) + b"\n" * 2 * _MIB), "blank lines exceed other lines", 1, _MIB + 3),
        (b"%PDF-1.7\n", "line 1: neither", 0, 1),
    ],
    ids=["corrupt gzip", "blank lines", "PDF"],
)
def test_unreadable_file_fails_after_its_readable_part_was_sent(
    fake_aws: FakeAws, content: bytes, message: str, sent: int, line: int
) -> None:
    upload = fake_aws.upload(content)
    if sent:
        fake_aws.run(upload)
        (upload,) = fake_aws.functions.events
    for _ in range(3):  # Lambda's attempts
        with pytest.raises(InvalidFileError, match=message):
            fake_aws.run(upload)
    assert sorted(fake_aws.queue.employee_ids()) == list(range(1, sent + 1))
    (failure,) = fake_aws.result("failure.json")
    assert message in failure.pop("reason")
    assert failure.pop("refusedIn", []) == [name.rpartition("/")[2] for name in fake_aws.bucket.results if "-" in name]
    refused, rounds = (1, 1) if sent else (0, 0)
    assert failure == {"line": line, "accepted": sent, "refused": refused, "rounds": rounds}
    assert len(fake_aws.bucket.results) == 1 + refused
    assert not refused or fake_aws.refused("failure.json") == [{"line": 1, "reason": "body: not JSON, character 1"}]


def test_redrive_continues_where_the_file_failed(fake_aws: FakeAws) -> None:
    fake_aws.max_refused = 100
    fake_aws.run(fake_aws.upload(file(1, 10) + b"\n{" * 150 + b"\n" + file(11, 20)))
    event = fake_aws.functions.events.pop()
    with pytest.raises(InvalidFileError, match="line 121: refused lines outnumber punches by more than 100"):
        fake_aws.run(event)
    assert (fake_aws.result("failure.json")[0]["accepted"], fake_aws.result("failure.json")[0]["refused"]) == (10, 110)

    attributes: Any = {name: {"DataType": "String", "StringValue": "1"} for name in ("RequestID", "ErrorCode")}
    dead_letter = dead_letters.read({"MessageId": "1", "Body": json.dumps(event), "MessageAttributes": attributes})
    assert fake_aws.run_all(json.loads(dead_letter.event_to_retry()), 30) == 1
    assert fake_aws.queue.employee_ids() == list(range(1, 21))
    assert (fake_aws.result("summary.json")[0]["accepted"], len(fake_aws.refused())) == (20, 150)
    assert "results/october.ndjson/v1/failure.json" not in fake_aws.bucket.results


def test_deleted_file_raises(fake_aws: FakeAws) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        fake_aws.run(event("incoming/gone", "v1"))
    assert fake_aws.bucket.results == {}


def test_each_file_of_an_event_gets_an_invocation(fake_aws: FakeAws) -> None:
    events = [fake_aws.upload(punch(number), f"incoming/{number}") for number in (1, 2, 3)]
    event_of_three_files = {"Records": [file_event["Records"][0] for file_event in events]}
    assert fake_aws.run_all(event_of_three_files, 30) == 3
    assert sorted(fake_aws.queue.employee_ids()) == [1, 2, 3]

    # The first file is complete; the others are imported again.
    (task,) = parse_event(events[0])
    continued = task._replace(position=Position(len(punch(1)), 2), accepted=1, invocations=1).to_event()
    assert fake_aws.run_all(event_of_three_files | {"continuation": continued["continuation"]}, 30) == 3
    assert sorted(fake_aws.queue.employee_ids()) == [1, 2, 2, 3, 3]


NOT_S3 = {name: other_event for name, other_event in NOT_SQS.items() if name != "S3"} | {
    "SQS": sqs_event(record("{}")),
    "no key": event("", "v"),
    "no bucket": event("incoming/a", "v", bucket=""),
}


@pytest.mark.parametrize("other_event", NOT_S3.values(), ids=NOT_S3)
def test_event_that_is_not_from_s3_raises(other_event: Any) -> None:
    with pytest.raises(InvalidEventError, match="The event is not from S3"):
        parse_event(other_event)


def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUEUE_URL", "TIME_ZONE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="Missing: QUEUE_URL, TIME_ZONE"):
        function.main(event("incoming/a", "v"), Context())
