"""Calls of SQS: what one takes, for how long it may last, and the client that makes it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_TIMEOUT = 2  # s, to connect and again to read

CALL = 10
"""Messages that SQS takes in one call; ten of 64 KiB are below its limit of 1 MiB a call."""

CALL_SECONDS = 2 * _TIMEOUT
"""How long a call may take."""


def client() -> "SQSClient":
    """Make a client whose calls end soon, one way or the other."""
    # Imported here: it takes ten times as long as psycopg2, and most batches hold good punches only.
    import boto3
    from botocore.config import Config

    # One attempt: what could not be done comes back by itself.
    config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
    return boto3.client("sqs", config=config)
