"""What is loaded: the running local stack, or a deployed one that environment variables name."""

import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.kit import local_stack, queues
from tools.kit.errors import CommandError
from tools.kit.target import explain
from tools.local import emulator

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


class System(NamedTuple):
    """A running system."""

    api_url: str
    api_key: str
    database_url: str | None  # None: nobody can count rows
    queue_url: str
    dlq_url: str
    sqs: "SQSClient | None"  # None: nobody can look at the queues
    pids: tuple[int, ...] = ()  # of its processes that run on this machine, with all that they started

    def properties(self) -> dict[str, object]:
        """Give the plans' properties that say where to, but for `apiKey`."""
        url = urllib.parse.urlsplit(self.api_url)
        return {
            "protocol": url.scheme,
            "host": url.hostname,
            "port": url.port or {"http": 80, "https": 443}[url.scheme],
            "path": url.path,
        }

    def depth(self, queue_url: str) -> int | None:
        """Tell how many messages a queue has, those being worked on included; None when nobody can look."""
        if self.sqs is None:
            return None
        try:
            return queues.depth(self.sqs, queue_url).total
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"the queue cannot be looked at: {explain(error)}") from None


def find(state: Path | None, environment: Mapping[str, str]) -> System:
    """Find what to load: API_URL and API_KEY, or else the local stack.

    Args:
        state: the local stack's folder; None: the usual one.
        environment: variables.

    Raises:
        CommandError: there is neither.
    """
    if "API_URL" in environment:
        return _deployed(environment)
    address = local_stack.find(state, ", or name a deployed API with API_URL and API_KEY")
    emulator.isolate()
    return System(
        address.api_url,
        address.api_key,
        address.database_url,
        address.queue_url,
        address.dlq_url,
        address.client("sqs"),
        (address.pid,),
    )


def _deployed(environment: Mapping[str, str]) -> System:
    api_url = environment["API_URL"]
    if urllib.parse.urlsplit(api_url).scheme not in ("http", "https"):
        raise CommandError(f"API_URL is no URL of an API: {api_url!r}; expected https://.../ponto")
    if not environment.get("API_KEY"):
        raise CommandError("API_URL is set and API_KEY is not: the gateway would answer 403 to everything")
    queue_url, dlq_url = environment.get("QUEUE_URL", ""), environment.get("DLQ_URL", "")
    if bool(queue_url) != bool(dlq_url):
        raise CommandError("QUEUE_URL and DLQ_URL come together, or not at all")
    sqs = None
    if queue_url:
        try:
            sqs = boto3.client("sqs")
        except BotoCoreError as error:
            raise CommandError(f"no client of SQS: {explain(error)}") from None
    return System(api_url, environment["API_KEY"], environment.get("DATABASE_URL") or None, queue_url, dlq_url, sqs)
