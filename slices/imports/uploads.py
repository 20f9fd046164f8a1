"""Import of a file from the stage's bucket: punches are sent to the queue, results are stored in the bucket.

Lambda invokes the function asynchronously. An invocation sends punches until its time runs out, then invokes the
function again with an event that continues the file. If an invocation raises, Lambda retries it twice and then sends
its event to the dead-letter queue; a redrive of the event continues the file.
"""

import io
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import partial
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_plus

from slices.imports.batches import (
    THREADS,
    BatchOutcome,
    Monotonic,
    OutOfTimeError,
    QueueSender,
    SendFailedError,
    SendPunches,
    send_lines,
)
from slices.imports.file_formats import InvalidFileError, ObjectNotFoundError, available_formats
from slices.imports.lines import MAX_REFUSED_LINES, inspect_file, read_lines
from slices.imports.raw_lines import FILE_START, Position
from slices.imports.streams import skip

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

INCOMING_PREFIX = "incoming/"
RESULTS_PREFIX = "results/"
SUMMARY_FILE = "summary.json"
FAILURE_FILE = "failure.json"

MAX_INVOCATIONS = 20
"""Maximum number of invocations for one file; a redrive resets the count.

They take five hours, less than the six hours for which Lambda keeps the events of files that wait.
"""

RESERVE_SECONDS = 60.0
"""Time reserved at the end of an invocation for the last call to the queue, the results, and the next invocation."""

_MAX_NAME_BYTES = 800  # a key has at most 1,024 bytes, and also holds the version and the result's name
_TIMEOUT_SECONDS = 10  # to connect to SQS, and again to read
_MAX_MEMORY_BYTES = 1 << 20  # of refused lines; longer lists are written to a temporary file
_UNTIMED_BYTES = 1 << 20  # of a stored file; they are read even after the deadline, which takes at most a second


class ImportSettings(NamedTuple):
    """Settings of the function that imports files."""

    queue_url: str  # of the punch queue
    zone: tzinfo  # in which a time without an offset is local
    requires_sign_in: bool  # True: the drain requires the employee of each punch as a message attribute
    message_group: str | None  # MessageGroupId of all punches from files; None: no group


class InvalidEventError(ValueError):
    """The event names no file."""


class TooManyInvocationsError(RuntimeError):
    """A file is not complete after the maximum number of invocations."""


class Task(NamedTuple):
    """A file and the progress of its import."""

    record: Any  # the file's record in the S3 event
    position: Position = FILE_START
    accepted: int = 0  # punches before the position that are in the queue
    refused: int = 0  # lines before the position that were refused
    invocations: int = 0  # number of invocations so far
    refused_lists: tuple[str, ...] = ()  # names of the results that list the refused lines
    inspection: Mapping[str, Any] = {}  # summary of the inspected file, by the key of its format
    failure: str = ""  # why the rest of the file cannot be read, if known

    @property
    def bucket(self) -> str:
        return str(self.record["s3"]["bucket"]["name"])

    @property
    def key(self) -> str:
        return unquote_plus(self.record["s3"]["object"]["key"])

    @property
    def version(self) -> str | None:
        """Version id of the file in the bucket."""
        version: str | None = self.record["s3"]["object"].get("versionId")
        return version

    def advance(self, outcome: BatchOutcome) -> "Task":
        """Return the task after another batch."""
        return self._replace(
            position=outcome.end,
            accepted=self.accepted + outcome.accepted,
            refused=self.refused + len(outcome.refused_lines),
        )

    def to_result(self) -> dict[str, Any]:
        """Return the counts, the lists of refused lines and the inspection, for a result in the bucket."""
        counts: dict[str, Any] = {"accepted": self.accepted, "refused": self.refused, "rounds": self.invocations}
        counts |= {"refusedIn": list(self.refused_lists)} if self.refused_lists else {}
        return {**counts, **self.inspection}

    def to_event(self) -> dict[str, Any]:
        """Return the event from which `parse_event` restores the task."""
        offset, line = self.position
        continuation = {"offset": offset, "line": line} | ({"failed": self.failure} if self.failure else {})
        return {"Records": [self.record], "continuation": continuation | self.to_result()}


def parse_event(event: Any) -> list[Task]:
    """Parse an S3 event, or an event that continues a file.

    Raises:
        InvalidEventError: it is neither.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not all(map(_is_from_s3, records)):
        raise InvalidEventError(
            "The event is not from S3: expected Records, each with eventSource aws:s3, bucket and key."
        )
    first, *others = map(Task, records)
    if "continuation" in event:  # always that of the first file
        first = _restore_progress(first, event["continuation"])
    return [first, *others]


def _is_from_s3(record: Any) -> bool:
    try:
        bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
        version = record["s3"]["object"].get("versionId", "")
        is_from_s3: bool = record["eventSource"] == "aws:s3"
    except (KeyError, TypeError):
        return False
    return is_from_s3 and all(isinstance(text, str) for text in (bucket, key, version)) and bool(bucket and key)


def _restore_progress(task: Task, continuation: Any) -> Task:
    names = ("offset", "line", "accepted", "refused", "rounds")
    try:
        numbers = [continuation[name] for name in names]
        refused_lists = tuple(continuation.get("refusedIn", ()))
        keys = [file_format.SUMMARY_KEY for file_format in available_formats()]
        inspection = {key: continuation[key] for key in keys if continuation.get(key)}
        failure = str(continuation.get("failed") or "")
    except (KeyError, TypeError):
        raise InvalidEventError(f"The event's continuation is invalid: expected {', '.join(names)}.") from None
    offset, line, accepted, refused, invocations = numbers
    if any(type(number) is not int or number < 0 for number in numbers) or not line:
        raise InvalidEventError("The event's continuation is invalid: expected integers from 0, and line from 1.")
    return Task(task.record, Position(offset, line), accepted, refused, invocations, refused_lists, inspection, failure)


class Importer:
    """Imports files of the bucket."""

    def __init__(
        self,
        zone: tzinfo,
        s3: Any,
        send: SendPunches,
        functions: "LambdaClient",
        monotonic: Monotonic = time.monotonic,
        max_refused: int = MAX_REFUSED_LINES,
    ) -> None:
        """Create an importer.

        Args:
            zone: the stage's time zone, in which a time without an offset is local.
            s3: an S3 client.
            send: sends a batch to the punch queue.
            functions: a Lambda client, to invoke the function again.
            monotonic: a monotonic clock.
            max_refused: see `slices.imports.lines.read_lines`.
        """
        self._zone = zone
        self._s3 = s3
        self._send_punches = send
        self._functions = functions
        self._monotonic = monotonic
        self._max_refused = max_refused

    def run(self, event: Any, end: float) -> tuple[Task, str]:
        """Import the file of an event until the time runs out; invoke the function again for the rest.

        Args:
            event: an S3 event, or one that continues a file.
            end: when the invocation times out, a value of `monotonic`.

        Returns:
            The progress, and why the function was invoked again; an empty text if the file is complete.

        Raises:
            InvalidEventError: the event names no file.
            InvalidFileError: the file as a whole cannot be imported.
            SendFailedError, OutOfTimeError: this invocation sent nothing.
            TooManyInvocationsError: the file is not complete after MAX_INVOCATIONS.
            botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or rejected a request.
        """
        task, *others = parse_event(event)
        for other in others:  # S3 sends one file in an event; other callers may send more
            self._invoke_again(other)
        try:
            progress, reason = self._import(task, end - RESERVE_SECONDS)
        except (InvalidFileError, TooManyInvocationsError) as error:
            self._put(
                task, FAILURE_FILE, _to_json({"reason": str(error), "line": task.position.line} | task.to_result())
            )
            raise
        if reason:
            self._invoke_again(progress)
        else:
            self._put(task, SUMMARY_FILE, _to_json(progress.to_result()))
            self._s3.delete_object(Bucket=task.bucket, Key=_result_key(task, FAILURE_FILE))  # of an earlier attempt
        return progress, reason

    def _import(self, task: Task, deadline: float) -> tuple[Task, str]:
        """Send punches until the deadline; return the progress, and why the file is not complete, if it is not."""
        from botocore.exceptions import BotoCoreError, ClientError

        if task.failure:
            raise InvalidFileError(task.failure)
        if task.invocations >= MAX_INVOCATIONS:
            raise TooManyInvocationsError(
                f"not complete after {task.invocations} invocations; redrive the dead letter to continue at line "
                f"{task.position.line}"
            )
        progress = task._replace(invocations=task.invocations + 1)
        open_at = self._opener(task, deadline)
        if task.position == FILE_START and (
            inspected := inspect_file(open_at, _deadline_check(deadline, self._monotonic))
        ):
            progress = progress._replace(inspection={inspected.file_format.SUMMARY_KEY: inspected.inspector.summary()})
        reason = ""
        with SpooledTemporaryFile(_MAX_MEMORY_BYTES) as refused:
            try:
                get_object = partial(self._get_object, task.bucket)
                lines = read_lines(open_at, self._zone, task.position, get_object, self._max_refused)
                for outcome in send_lines(lines, self._send_punches, deadline, monotonic=self._monotonic):
                    for line in outcome.refused_lines:
                        refused.write(_to_json({"line": line.number, "reason": line.refusal}))
                    progress = progress.advance(outcome)
            except (InvalidFileError, OutOfTimeError, SendFailedError, BotoCoreError, ClientError) as error:
                if progress.position == task.position:  # without progress, invoking again would never end
                    raise
                reason = f"{type(error).__name__}: {error}"
                # The next invocation raises the error, so that retries and a redrive start after the punches sent here.
                progress = progress._replace(failure=str(error) if isinstance(error, InvalidFileError) else "")
            if progress.refused > task.refused:
                refused.seek(0)
                # The name is random because Lambda may repeat an invocation, which must not overwrite this list.
                name = f"refused-from-line-{task.position.line}-{secrets.token_hex(8)}.ndjson"
                self._put(task, name, refused)
                progress = progress._replace(refused_lists=(*progress.refused_lists, name))
        return progress, reason

    def _opener(self, task: Task, deadline: float) -> Callable[[int], IO[bytes]]:
        from botocore.exceptions import ClientError

        version = {"VersionId": task.version} if task.version else {}

        def open_at(offset: int) -> IO[bytes]:
            byte_range = {"Range": f"bytes={offset}-"} if offset else {}
            try:
                response = self._s3.get_object(Bucket=task.bucket, Key=task.key, **version, **byte_range)
            except ClientError as error:
                if error.response["Error"].get("Code") != "InvalidRange":
                    raise
                return io.BytesIO()  # the previous invocation ran out of time at the end of the file
            body = cast(IO[bytes], _TimedBody(response["Body"], deadline, self._monotonic))
            if "ContentRange" not in response:  # the emulator ignores the range if a version is given
                for _ in skip(body, offset):
                    pass
            return body

        return open_at

    def _get_object(self, bucket: str, key: str, max_bytes: int) -> bytes:
        """Read the first bytes of an object; see `slices.imports.file_formats.GetObject`."""
        from botocore.exceptions import ClientError

        try:
            response = self._s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # S3 answers AccessDenied for a missing object to a caller that may not list the bucket.
            if (code := error.response["Error"].get("Code")) not in ("NoSuchKey", "AccessDenied"):
                raise
            raise ObjectNotFoundError(code) from None
        content: bytes = response["Body"].read(max_bytes)
        return content

    def _put(self, task: Task, name: str, content: "bytes | IO[bytes]") -> None:
        self._s3.put_object(Bucket=task.bucket, Key=_result_key(task, name), Body=content)

    def _invoke_again(self, task: Task) -> None:
        self._functions.invoke(
            FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            InvocationType="Event",
            Payload=_to_json(task.to_event()),
        )


class _TimedBody:
    """A response body that raises OutOfTimeError after the deadline.

    A crafted gzip file can hold megabytes that decompress to nothing, and a single read of the decompressed stream
    consumes all of them.
    """

    def __init__(self, body: IO[bytes], deadline: float, monotonic: Monotonic) -> None:
        self._body = body
        self._deadline, self._monotonic = deadline, monotonic
        self._read_bytes = 0
        self.close = body.close

    def read(self, size: int) -> bytes:
        if self._read_bytes >= _UNTIMED_BYTES and self._monotonic() > self._deadline:
            raise OutOfTimeError(f"out of time after {self._read_bytes} bytes of the stored file")
        part = self._body.read(size)
        self._read_bytes += len(part)
        return part


def results_prefix(key: str, version: str | None) -> str:
    """Return the prefix of the keys of a file's results, which is different for each version of the file."""
    return f"{RESULTS_PREFIX}{_shorten(key.removeprefix(INCOMING_PREFIX))}/{version}/"


def _result_key(task: Task, name: str) -> str:
    return f"{results_prefix(task.key, task.version)}{name}"


def _deadline_check(deadline: float, monotonic: Monotonic) -> Callable[[int], None]:
    def require_time(line: int) -> None:
        if monotonic() > deadline:
            raise OutOfTimeError(f"out of time before line {line}")

    return require_time


def _shorten(name: str) -> str:
    """Replace the end of a name that is too long by the SHA-256 of the name."""
    encoded = name.encode()
    if len(encoded) <= _MAX_NAME_BYTES:
        return name
    digest = sha256(encoded, usedforsecurity=False).hexdigest()
    return f"{encoded[: _MAX_NAME_BYTES - len(digest)].decode(errors='ignore')}{digest}"


def create_importer(settings: ImportSettings) -> Importer:
    """Create an importer and its AWS clients."""
    import boto3
    from botocore.config import Config

    queue_config = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},  # QueueSender retries
        max_pool_connections=THREADS,
        parameter_validation=False,  # takes a tenth of a call's time
    )
    sqs = boto3.client("sqs", config=queue_config)
    sender = QueueSender(
        sqs, settings.queue_url, requires_sign_in=settings.requires_sign_in, group=settings.message_group
    )
    s3: Any = boto3.client("s3")
    return Importer(settings.zone, s3, sender.send, boto3.client("lambda"))


def _to_json(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"
