"""Import of a file from the stage's bucket: punches are sent to the queue, results are stored in the bucket.

Lambda invokes the function asynchronously, and one invocation reads the whole file as a stream. If it raises, Lambda
repeats it twice from line 1, and then sends the event to the dead-letter queue. A punch that is sent again adds no row.
"""

import json
import os
import time
from collections.abc import Mapping
from datetime import tzinfo
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple
from urllib.parse import unquote_plus

from ponto.shared import config
from slices.imports.batches import THREADS, Monotonic, QueueSender, SendPunches, send_lines
from slices.imports.file_formats import InvalidFileError, ObjectNotFoundError
from slices.imports.lines import MAX_REFUSED_LINES, inspect_file, read_lines

INCOMING_PREFIX = "incoming/"
RESULTS_PREFIX = "results/"
SUMMARY_FILE = "summary.json"
FAILURE_FILE = "failure.json"
REFUSED_FILE = "refused.ndjson"

RESERVE_SECONDS = 60.0
"""Time reserved at the end of an invocation for the last calls to the queue, and for the results."""

_TIMEOUT_SECONDS = 10  # to connect to SQS, and again to read
_MAX_MEMORY_BYTES = 1 << 20  # of refused lines; longer lists are written to a temporary file


class InvalidEventError(ValueError):
    """The event names no file."""


class OutOfTimeError(Exception):
    """The deadline passed before the end of the file."""


class UploadedFile(NamedTuple):
    """A file in the bucket."""

    bucket: str
    key: str
    version: str | None


def parse_event(event: Any) -> UploadedFile:
    """Return the file of an S3 event, which has one.

    Raises:
        InvalidEventError: it is no event of S3, or has several files.
    """
    try:
        [record] = event["Records"]
        bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
        version = record["s3"]["object"].get("versionId", "")
        if record["eventSource"] == "aws:s3" and bucket and key and {type(bucket), type(key), type(version)} == {str}:
            return UploadedFile(bucket, unquote_plus(key), version or None)
    except (KeyError, TypeError, ValueError):
        pass
    raise InvalidEventError("The event is not from S3: expected one record with eventSource aws:s3, bucket and key.")


class Importer:
    """Imports files of the bucket."""

    def __init__(
        self,
        zone: tzinfo,
        s3: Any,
        send: SendPunches,
        monotonic: Monotonic = time.monotonic,
        max_refused: int = MAX_REFUSED_LINES,
    ) -> None:
        """Create an importer.

        Args:
            zone: the stage's time zone, in which a time without an offset is local.
            s3: an S3 client.
            send: sends a batch to the punch queue.
            monotonic: a monotonic clock.
            max_refused: see `slices.imports.lines.read_lines`.
        """
        self._zone = zone
        self._s3 = s3
        self._send_punches = send
        self._monotonic = monotonic
        self._max_refused = max_refused

    def run(self, file: UploadedFile, end: float) -> Mapping[str, Any]:
        """Import a file, and store its results in the bucket.

        Args:
            file: the file.
            end: when the invocation times out, a value of `monotonic`.

        Returns:
            The summary: the numbers of accepted punches and of refused lines, and what its format found.

        Raises:
            InvalidFileError: the file as a whole cannot be imported.
            OutOfTimeError: the file has too many lines for one invocation.
            SendFailedError: the queue does not accept the punches.
            botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or rejected a request.
        """
        deadline, line_number = end - RESERVE_SECONDS, 1
        result: dict[str, Any] = {"accepted": 0, "refused": 0}
        failure: InvalidFileError | OutOfTimeError | None = None

        def check_time(number: int) -> None:
            nonlocal line_number
            line_number = number
            if self._monotonic() > deadline:
                raise OutOfTimeError(f"out of time before line {number}; the file is too long for one invocation")

        with SpooledTemporaryFile(_MAX_MEMORY_BYTES) as refused_lines:
            try:
                if inspected := inspect_file(self._open(file), check_time):
                    result[inspected.file_format.summary_key] = inspected.inspector.summary()
                get_object = partial(self._get_object, file.bucket)
                lines = read_lines(self._open(file), self._zone, get_object, check_time, self._max_refused)
                for outcome in send_lines(lines, self._send_punches, deadline):
                    result["accepted"] += outcome.accepted
                    result["refused"] += len(outcome.refused_lines)
                    for line in outcome.refused_lines:
                        refused_lines.write(_to_json({"line": line.number, "reason": line.refusal}))
            except (InvalidFileError, OutOfTimeError) as error:
                failure = error
            if result["refused"]:
                refused_lines.seek(0)
                self._put(file, REFUSED_FILE, refused_lines)
        if failure:
            self._put(file, FAILURE_FILE, _to_json({"reason": str(failure), "line": line_number} | result))
            raise failure
        self._put(file, SUMMARY_FILE, _to_json(result))
        self._s3.delete_object(Bucket=file.bucket, Key=_result_key(file, FAILURE_FILE))  # of an earlier attempt
        return result

    def _open(self, file: UploadedFile) -> IO[bytes]:
        version = {"VersionId": file.version} if file.version else {}
        body: IO[bytes] = self._s3.get_object(Bucket=file.bucket, Key=file.key, **version)["Body"]
        return body

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

    def _put(self, file: UploadedFile, name: str, content: "bytes | IO[bytes]") -> None:
        self._s3.put_object(Bucket=file.bucket, Key=_result_key(file, name), Body=content)


def results_prefix(key: str, version: str | None) -> str:
    """Return the prefix of the keys of a file's results, which is different for each version of the file."""
    return f"{RESULTS_PREFIX}{key.removeprefix(INCOMING_PREFIX)}/{version}/"


def _result_key(file: UploadedFile, name: str) -> str:
    return f"{results_prefix(file.key, file.version)}{name}"


def create_importer(zone: tzinfo, queue_url: str) -> Importer:
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
        sqs,
        queue_url,
        is_sign_in_required=config.is_sign_in_required(),
        group=os.environ.get("MESSAGE_GROUP") or None,
    )
    s3: Any = boto3.client("s3")
    return Importer(zone, s3, sender.send)


def _to_json(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"
