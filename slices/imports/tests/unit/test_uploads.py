"""Tests of `function.main` with a fake bucket and queue."""

import gzip
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from slices.imports import batches, function, lines, uploads
from slices.imports.batches import QueueSender, SendFailedError
from slices.imports.file_formats import InvalidFileError
from slices.imports.lines import FileLine
from slices.imports.tests.unit.test_lines import ZONE, no_object
from slices.imports.uploads import Importer, InvalidEventError, OutOfTimeError, parse_event
from tests.aws import Calls, receive_all
from tests.events import NOT_SQS, Context, aws, record, sqs_event
from tools.kit import event as kit_event

BUCKET = "batida-ponto-dev-uploads-1q2w3e"
RESERVE = uploads.RESERVE_SECONDS


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

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> Any:  # noqa: N803
        assert Bucket == BUCKET
        if (Key, VersionId) not in self.objects:
            raise client_error("AccessDenied", 403)  # S3's answer to a role that may not list the bucket
        return {"Body": io.BytesIO(self.objects[Key, VersionId])}

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:  # noqa: N803
        assert Bucket == BUCKET
        assert len(Key.encode()) <= 1_024, "KeyTooLongError"
        self.results[Key] = Body if isinstance(Body, bytes) else Body.read()

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        assert Bucket == BUCKET
        self.results.pop(Key, None)


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
        return [number_of(punch.body) for punch in self.punches]


class FakeAws:
    """The environment of the function: a bucket and a queue."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bucket, self.queue = Bucket(), Queue()
        self.max_refused = lines.MAX_REFUSED_LINES
        patch.setattr(uploads, "create_importer", self.importer)
        patch.setenv("QUEUE_URL", "https://queue")
        patch.setenv("TIME_ZONE", "America/Sao_Paulo")

    def importer(self, zone: tzinfo, _: str, monotonic: Callable[[], float] = time.monotonic) -> Importer:
        return Importer(zone, self.bucket, self.queue.send, monotonic, self.max_refused)

    def upload(self, content: bytes, key: str = "incoming/october.ndjson", version: str | None = "v1") -> Any:
        self.bucket.objects[key, version] = content
        return event(key, version)

    def run(self, event: Any, seconds: float = 30) -> None:
        function.main(event, Context(RESERVE + seconds))

    def result(self, name: str, folder: str = "results/october.ndjson/v1") -> Any:
        return [json.loads(line) for line in self.bucket.results[f"{folder}/{name}"].splitlines()]


def event(key: str, version: str | None, bucket: str = BUCKET) -> Any:
    quoted = key.replace("%", "%25").replace(" ", "+")
    s3_object: dict[str, Any] = {"key": quoted, "size": 1} | ({"versionId": version} if version else {})
    return {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": bucket}, "object": s3_object}}]}


def punch(employee_id: int, **more: object) -> bytes:
    punch_id = f"00000000-0000-4000-8000-{employee_id:012}"
    return json.dumps(kit_event.body(employee_id, "2026-10-01T08:00Z", id=punch_id, **more)).encode()


def number_of(body: str) -> int:
    """Return the number of the employee of a punch."""
    return int(json.loads(body)["id"][-12:])


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
    assert fake_aws.result("summary.json", folder) == [{"accepted": 995, "refused": 0}]
    assert len(fake_aws.bucket.results) == 1
    line = json.loads(capsys.readouterr().out)
    assert line["message"] == "import"
    assert (line["file"], line["accepted"], line["refused"]) == ("incoming/gate 1/100%.ndjson", 995, 0)


def test_refused_lines_are_listed_with_reasons_and_other_lines_are_sent(fake_aws: FakeAws) -> None:
    invalid, reason = kit_event.INVALID[0]
    fake_aws.run(fake_aws.upload(b"\n".join([punch(1), b"{", json.dumps(invalid).encode(), punch(4)])))
    assert fake_aws.queue.employee_ids() == [1, 4]
    assert fake_aws.result("summary.json") == [{"accepted": 2, "refused": 2}]
    assert fake_aws.result("refused.ndjson") == [
        {"line": 2, "reason": "body: not JSON, character 1"},
        {"line": 3, "reason": reason},
    ]


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
    punches = list(lines.read_lines(io.BytesIO(content), ZONE, no_object))
    client = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))
    sender = QueueSender(
        client, os.environ["QUEUE_URL"], **{"is_sign_in_required": False, "first_delay": 0.001} | settings
    )
    return sender.send(punches, time.monotonic() + seconds)


def received() -> list[Any]:
    return receive_all(boto3.client("sqs"), os.environ["QUEUE_URL"])


def employee_ids() -> list[int]:
    return [number_of(message["Body"]) for message in received()]


def refuse(*failures: dict[int, str] | ClientError | EndpointConnectionError) -> Callable[..., Any]:
    """Fail each call with the next exception, or refuse the punches of some employees; then accept everything."""
    remaining = list(failures)

    def answer(call: Callable[[], Any], parameters: Any) -> Any:
        failure = remaining.pop(0) if remaining else {}
        if isinstance(failure, Exception):
            raise failure
        entries = {number_of(entry["MessageBody"]): entry for entry in parameters["Entries"]}
        failed = [
            {"Id": entry["Id"], "Code": failure[employee_id], "SenderFault": failure[employee_id].startswith("Invalid")}
            for employee_id, entry in entries.items()
            if employee_id in failure
        ]
        parameters["Entries"] = [entry for employee_id, entry in entries.items() if employee_id not in failure]
        return {**(call() if parameters["Entries"] else {}), "Failed": failed}

    return answer


@pytest.mark.parametrize("is_sign_in_required", [True, False])
@pytest.mark.parametrize("group", ["imports", None])
def test_messages_have_employee_attribute_if_sign_in_is_required_and_a_message_group(
    sqs: Calls, monkeypatch: pytest.MonkeyPatch, is_sign_in_required: bool, group: str | None
) -> None:
    monkeypatch.setenv("TIME_ZONE", "America/Sao_Paulo")
    monkeypatch.setenv("MESSAGE_GROUP", group or "")
    if is_sign_in_required:
        monkeypatch.setenv("SIGN_IN_REQUIRED", "true")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="incoming/a", Body=file(1, 2))

    function.main(event("incoming/a", None), Context(RESERVE + 30))

    (call,) = sqs.by_operation("SendMessageBatch")
    entries = call.parameters["Entries"]
    assert [entry.get("MessageGroupId") for entry in entries] == [group] * 2
    attributes = [message.get("MessageAttributes") for message in received()]
    assert attributes == [
        {"usuarioId": {"DataType": "String", "StringValue": str(kit_event.subject(number))}}
        if is_sign_in_required
        else None
        for number in (1, 2)
    ]


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


# Files that fail


@pytest.mark.parametrize(
    ("content", "message", "sent", "line"),
    [
        (gzip.compress(b"{\n" + file(1, 2_000) + b"\n")[:-9], "the gzip data is corrupt", 2_000, 2_001),
        (b"%PDF-1.7\n", "line 1: neither", 0, 1),
    ],
    ids=["corrupt gzip", "PDF"],
)
def test_unreadable_file_fails_after_its_readable_part_was_sent(
    fake_aws: FakeAws, content: bytes, message: str, sent: int, line: int
) -> None:
    with pytest.raises(InvalidFileError, match=message):
        fake_aws.run(fake_aws.upload(content))

    assert sorted(fake_aws.queue.employee_ids()) == list(range(1, sent + 1))
    (failure,) = fake_aws.result("failure.json")
    assert message in failure.pop("reason")
    assert failure.pop("line") == pytest.approx(line, abs=100)
    refused = 1 if sent else 0
    assert failure == {"accepted": sent, "refused": refused}
    assert len(fake_aws.bucket.results) == 1 + refused


def test_file_that_takes_too_long_fails_with_its_line(fake_aws: FakeAws) -> None:
    seconds = iter(range(10_000))
    importer = fake_aws.importer(ZONE, "", lambda: float(next(seconds)))  # a second for each line
    upload = parse_event(fake_aws.upload(file(1, 300)))

    with pytest.raises(OutOfTimeError, match="too long for one invocation"):
        importer.run(upload, RESERVE + 100)

    (failure,) = fake_aws.result("failure.json")
    assert (failure["line"], failure["accepted"]) == (101, 100)


@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 8))
def test_attempt_after_a_failed_one_sends_the_whole_file(good: list[bool], calls: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake_aws = FakeAws(patch)
        upload = fake_aws.upload(b"\n".join(punch(n) if is_good else b"{" for n, is_good in enumerate(good, 1)))
        fake_aws.queue.open_calls = calls
        with suppress(SendFailedError):
            fake_aws.run(upload)
        fake_aws.queue.open_calls = None
        fake_aws.run(upload)  # as Lambda or a redrive repeats it

        expected = [number for number, is_good in enumerate(good, 1) if is_good]
        assert sorted(set(fake_aws.queue.employee_ids())) == expected
        assert fake_aws.result("summary.json") == [{"accepted": len(expected), "refused": len(good) - len(expected)}]
        assert not any("failure.json" in name for name in fake_aws.bucket.results)


NOT_S3 = {name: other_event for name, other_event in NOT_SQS.items() if name != "S3"} | {
    "SQS": sqs_event(record("{}")),
    "no key": event("", "v"),
    "two files": {"Records": event("incoming/a", "v")["Records"] * 2},
    "no bucket": event("incoming/a", "v", bucket=""),
}


@pytest.mark.parametrize("other_event", NOT_S3.values(), ids=NOT_S3)
def test_event_that_is_not_from_s3_raises(other_event: Any) -> None:
    with pytest.raises(InvalidEventError, match="The event is not from S3"):
        parse_event(other_event)
