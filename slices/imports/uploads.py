"""A file in the bucket, from the event that names it to its punches in the queue and its results beside it.

Lambda invokes it asynchronously. It sends as far as the time reaches, and hands the rest on to a next invocation. What
it raises, Lambda tries twice again, and then puts the event, which says where to go on, into the dead-letter queue.
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

INCOMING = "incoming/"
RESULTS = "results/"
SUMMARY = "summary.json"
FAILURE = "failure.json"
MAX_INVOCATIONS = 20
"""Invocations for a file: five hours; Lambda gives up one that waits for six. A redrive begins to count anew."""

RESERVE_SECONDS = 60.0  # s of the function's time that are kept: for a call to the queue, the results, and handing on
_MAX_NAME_BYTES = 800  # bytes, of the 1,024 of a key; the rest is for the version's and the result's
_TIMEOUT_SECONDS = 10  # s, to connect and again to read
_MAX_MEMORY_BYTES = 1 << 20  # bytes of results; more go to the disk
_UNTIMED_BYTES = 1 << 20  # bytes as they are stored that are read whatever the time: at most a second's


class ImportSettings(NamedTuple):
    """Of the function, which knows no database."""

    queue_url: str  # of the queue of punches
    zone: tzinfo  # in which a time sent without an offset is local
    requires_sign_in: bool  # whether a punch must be of an employee who is vouched for
    message_group: str | None  # of all punches of files; None: each is its own


class InvalidEventError(ValueError):
    """The event names no file."""


class TooManyInvocationsError(RuntimeError):
    """A file took more invocations than it may. The event says where it would go on."""


class Task(NamedTuple):
    """A file, and how far it is imported."""

    record: Any  # of the event, as S3 wrote it
    position: Position = FILE_START
    accepted: int = 0  # lines before it that are in the queue
    refused: int = 0  # those that never will be
    invocations: int = 0  # invocations so far
    refused_lists: tuple[str, ...] = ()  # the results that list these, one of each invocation that refused any
    inspection: Mapping[str, Any] = {}  # what the first of them found it to hold, for the summary, by its form's key
    failure: str = ""  # why it cannot be read on from there; empty: nobody knows yet

    @property
    def bucket(self) -> str:
        return str(self.record["s3"]["bucket"]["name"])

    @property
    def key(self) -> str:
        return unquote_plus(self.record["s3"]["object"]["key"])

    @property
    def version(self) -> str | None:
        """Which of the bucket's versions of the file."""
        version: str | None = self.record["s3"]["object"].get("versionId")
        return version

    def advance(self, outcome: BatchOutcome) -> "Task":
        """Give the file after some more lines of it."""
        return self._replace(
            position=outcome.end,
            accepted=self.accepted + outcome.accepted,
            refused=self.refused + len(outcome.refused_lines),
        )

    def to_result(self) -> dict[str, Any]:
        """Give what became of the lines before, for a result."""
        counts: dict[str, Any] = {"accepted": self.accepted, "refused": self.refused, "rounds": self.invocations}
        counts |= {"refusedIn": list(self.refused_lists)} if self.refused_lists else {}
        return {**counts, **self.inspection}

    def to_event(self) -> dict[str, Any]:
        """Give the event of which this is read."""
        offset, line = self.position
        continuation = {"offset": offset, "line": line} | ({"failed": self.failure} if self.failure else {})
        return {"Records": [self.record], "continuation": continuation | self.to_result()}


def parse_event(event: Any) -> list[Task]:
    """Read the event of an upload, or of an invocation that another one handed its rest to.

    Raises:
        InvalidEventError: it is neither.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not all(map(_is_from_s3, records)):
        raise InvalidEventError(
            "The event is not from S3: expected Records, each with eventSource aws:s3, bucket and key."
        )
    first, *others = map(Task, records)
    if "continuation" in event:  # of the first: an invocation hands on one file
        first = _restore_task(first, event["continuation"])
    return [first, *others]


def _is_from_s3(record: Any) -> bool:
    try:
        bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
        version = record["s3"]["object"].get("versionId", "")
        is_from_s3: bool = record["eventSource"] == "aws:s3"
    except (KeyError, TypeError):
        return False
    return is_from_s3 and all(isinstance(text, str) for text in (bucket, key, version)) and bool(bucket and key)


def _restore_task(task: Task, done: Any) -> Task:
    try:
        offset, line, accepted, refused, rounds = (
            done[name] for name in ("offset", "line", "accepted", "refused", "rounds")
        )
        refused_in = tuple(done.get("refusedIn", ()))
        found = {
            file_format.SUMMARY_KEY: done[file_format.SUMMARY_KEY]
            for file_format in available_formats()
            if done.get(file_format.SUMMARY_KEY)
        }
        failed = str(done.get("failed") or "")
    except (KeyError, TypeError):
        raise InvalidEventError("The event's continuation has not the form that an invocation gives it.") from None
    if any(type(number) is not int or number < 0 for number in (offset, line, accepted, refused, rounds)) or not line:
        raise InvalidEventError("The event's continuation does not count from where a file begins.")
    return Task(task.record, Position(offset, line), accepted, refused, rounds, refused_in, found, failed)


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
        """Calls nobody.

        Args:
            zone: the stage's, in which a time sent without an offset is local.
            s3: a client of S3.
            send: sends to the queue of punches.
            functions: a client of Lambda, to hand on by.
            monotonic: the clock.
            max_refused: as of `slices.imports.lines.read_lines`.
        """
        self._zone = zone
        self._s3 = s3
        self._send_punches = send
        self._functions = functions
        self._monotonic = monotonic
        self._max_refused = max_refused

    def run(self, event: Any, end: float) -> tuple[Task, str]:
        """Import the file of an event, or as much of it as there is time for, and hand the rest on.

        Args:
            event: of S3, or what this handed on.
            end: when the function has to have ended, `time.monotonic()` seconds.

        Returns:
            How far the file is now, and why the rest was handed on; an empty text: the file is done.

        Raises:
            InvalidEventError: the event is another.
            InvalidFileError: the file as a whole cannot be read.
            SendFailedError, OutOfTimeError: the queue took nothing.
            TooManyInvocationsError: the file took more invocations than it may.
            botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
        """
        task, *others = parse_event(event)
        for other in others:  # S3 sends one file an event; a hand may send more
            self._hand_on(other)
        try:
            now, why = self._send(task, end - RESERVE_SECONDS)
        except (InvalidFileError, TooManyInvocationsError) as error:
            self._put(task, FAILURE, _json({"reason": str(error), "line": task.position.line} | task.to_result()))
            raise
        if why:
            self._hand_on(now)
        else:
            self._put(task, SUMMARY, _json(now.to_result()))
            self._s3.delete_object(Bucket=task.bucket, Key=_result_key(task, FAILURE))  # of a try before
        return now, why

    def _send(self, task: Task, deadline: float) -> tuple[Task, str]:
        """Send the punches; return how far the file is, and why no further."""
        from botocore.exceptions import BotoCoreError, ClientError

        if task.failure:
            raise InvalidFileError(task.failure)
        if task.invocations >= MAX_INVOCATIONS:
            raise TooManyInvocationsError(
                f"line {task.position.line} is reached after {task.invocations} invocations; redrive it to go on"
            )
        now = task._replace(invocations=task.invocations + 1)
        open_at = self._opener(task, deadline)
        if task.position == FILE_START and (
            inspected := inspect_file(open_at, _deadline_check(deadline, self._monotonic))
        ):
            now = now._replace(inspection={inspected.file_format.SUMMARY_KEY: inspected.inspector.summary()})
        why = ""
        with SpooledTemporaryFile(_MAX_MEMORY_BYTES) as refused:
            try:
                get_object = partial(self._read_object, task.bucket)
                found_lines = read_lines(open_at, self._zone, task.position, get_object, self._max_refused)
                for outcome in send_lines(found_lines, self._send_punches, deadline, monotonic=self._monotonic):
                    for line in outcome.refused_lines:
                        refused.write(_json({"line": line.number, "reason": line.refusal}))
                    now = now.advance(outcome)
            except (InvalidFileError, OutOfTimeError, SendFailedError, BotoCoreError, ClientError) as error:
                if now.position == task.position:  # to hand on what is as it was would never end
                    raise
                why = f"{type(error).__name__}: {error}"
                # The next one fails with it: what Lambda tries again, and a redrive, begin behind what is sent.
                now = now._replace(failure=str(error) if isinstance(error, InvalidFileError) else "")
            if now.refused > task.refused:
                refused.seek(0)
                # Lambda repeats invocations, which may reach less far: nothing else writes this over.
                name = f"refused-from-line-{task.position.line}-{secrets.token_hex(8)}.ndjson"
                self._put(task, name, refused)
                now = now._replace(refused_lists=(*now.refused_lists, name))
        return now, why

    def _opener(self, task: Task, deadline: float) -> Callable[[int], IO[bytes]]:
        from botocore.exceptions import ClientError

        version = {"VersionId": task.version} if task.version else {}

        def open_at(offset: int) -> IO[bytes]:
            part = {"Range": f"bytes={offset}-"} if offset else {}
            try:
                answer = self._s3.get_object(Bucket=task.bucket, Key=task.key, **version, **part)
            except ClientError as error:
                if error.response["Error"].get("Code") != "InvalidRange":
                    raise
                return io.BytesIO()  # the file ends there: the time was over with its last line
            body = cast(IO[bytes], _TimedBody(answer["Body"], deadline, self._monotonic))
            if "ContentRange" not in answer:  # the whole file, as the emulator gives for a part of a version
                for _ in skip(body, offset):
                    pass
            return body

        return open_at

    def _read_object(self, bucket: str, key: str, most: int) -> bytes:
        """Give the begin of another object, `most` bytes of it; see `slices.imports.file_formats.GetObject`."""
        from botocore.exceptions import ClientError

        try:
            answer = self._s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # Who may not list a bucket is told that access is denied to what is not there.
            if (code := error.response["Error"].get("Code")) not in ("NoSuchKey", "AccessDenied"):
                raise
            raise ObjectNotFoundError(code) from None
        content: bytes = answer["Body"].read(most)
        return content

    def _put(self, task: Task, name: str, content: "bytes | IO[bytes]") -> None:
        self._s3.put_object(Bucket=task.bucket, Key=_result_key(task, name), Body=content)

    def _hand_on(self, task: Task) -> None:
        self._functions.invoke(
            FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"], InvocationType="Event", Payload=_json(task.to_event())
        )


class _TimedBody:
    """A body that is read in time: a crafted gzip holds megabytes without a byte of content, all read in one call."""

    def __init__(self, body: IO[bytes], deadline: float, monotonic: Monotonic) -> None:
        self._body = body
        self._deadline, self._monotonic = deadline, monotonic
        self._read = 0
        self.close = body.close

    def read(self, size: int) -> bytes:
        if self._read >= _UNTIMED_BYTES and self._monotonic() > self._deadline:
            raise OutOfTimeError(f"the time is over, and {self._read} bytes of the file as it is stored were read")
        part = self._body.read(size)
        self._read += len(part)
        return part


def results_prefix(key: str, version: str | None) -> str:
    """Give what the keys of a file's results begin with.

    They are in a folder for the version: a file that is mended and sent again has results of its own.
    """
    return f"{RESULTS}{_shorten(key.removeprefix(INCOMING))}/{version}/"


def _result_key(task: Task, name: str) -> str:
    return f"{results_prefix(task.key, task.version)}{name}"


def _deadline_check(deadline: float, monotonic: Monotonic) -> Callable[[int], None]:
    def require_time(line: int) -> None:
        if monotonic() > deadline:
            raise OutOfTimeError(f"the time is over, and line {line} is not read")

    return require_time


def _shorten(name: str) -> str:
    """Give a name with room behind it in a key of S3: for a longer end its SHA-256 stands."""
    whole = name.encode()
    if len(whole) <= _MAX_NAME_BYTES:
        return name
    digest = sha256(whole, usedforsecurity=False).hexdigest()
    return f"{whole[: _MAX_NAME_BYTES - len(digest)].decode(errors='ignore')}{digest}"


def create_importer(settings: ImportSettings) -> Importer:
    """Make an importer with clients of its own."""
    import boto3
    from botocore.config import Config

    queue = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},  # the sender's own are the retries
        max_pool_connections=THREADS,
        parameter_validation=False,  # a tenth of a call
    )
    sqs = boto3.client("sqs", config=queue)
    sender = QueueSender(
        sqs, settings.queue_url, requires_sign_in=settings.requires_sign_in, group=settings.message_group
    )
    s3: Any = boto3.client("s3")
    return Importer(settings.zone, s3, sender.send, boto3.client("lambda"))


def _json(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"
