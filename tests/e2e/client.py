"""Client of the deployed system: requests of devices, queries of the database, and access to the queues."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg2
import urllib3

from loadtest.ledger import DeadLetteredMessage, Ledger, PunchKey, SentMessage, StoredPunch, build_ledger
from loadtest.rows import read_rows
from ponto.drain.parser import parse
from ponto.punch import EVENT
from ponto.shared.event import Subject
from tests.aws import receive_all
from tests.database import execute
from tests.waiting import DEADLINE_SECONDS, wait_for
from tools.kit import event, queue_reader
from tools.local.stack import Stack

EMPLOYEES = map(event.subject, count(1_000_000))
"""Employees without punches, if there are as many. All tests share a database, and rows are never deleted."""


class Response(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]  # by lower-case name


def expected_message(body: object) -> SentMessage:
    """Return the message that `Client.post` sends for a punch given as an object."""
    text = json.dumps(body)
    punch = parse(text, ZoneInfo("America/Sao_Paulo"))
    return SentMessage(PunchKey(punch.id, EVENT.subject_id(punch), getattr(punch, EVENT.instant)), text)


class Client:
    """Client of a running stack, which uses HTTP, SQS and SQL."""

    def __init__(self, stack: Stack) -> None:
        self.address = stack.address
        self.sqs = stack.client("sqs")
        [(self._began,)] = self.query("select clock_timestamp()")

    def post(self, body: object, method: str = "POST", subpath: str = "", **headers: str | None) -> Response:
        """Send a request to the API, by default POST /ponto with the content type and the key.

        Args:
            body: Body to send; an object is encoded as JSON, bytes are sent unchanged.
            method: HTTP method.
            subpath: Path after `/ponto`.
            headers: Other headers. None removes a default header.
        """
        default = {"content-type": "application/json", "x-api-key": self.address.api_key}
        other_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib3.PoolManager() as connections:
            response = connections.request(
                method,
                self.address.api_url + subpath,
                body=body if isinstance(body, bytes) else json.dumps(body).encode(),
                headers={name: value for name, value in (default | other_headers).items() if value is not None},
                retries=False,
                timeout=DEADLINE_SECONDS,
            )
        return Response(
            response.status,
            json.loads(response.data) if response.data else None,
            {name.lower(): value for name, value in response.headers.items()},
        )

    def get(self, identifier: object, method: str = "GET", **headers: str | None) -> Response:
        """Request a receipt. None removes a default header."""
        return self.post(b"", method, f"/{identifier}", content_type=None, **headers)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one or more statements on the stack's database; return the rows of the last one."""
        return execute(self.address.database_url, statement, *values)

    def rows(self, *employee_ids: Subject) -> list[StoredPunch]:
        """Return the punches of some employees that were stored since the client was created, the earliest first."""
        with contextlib.closing(psycopg2.connect(self.address.database_url)) as connection:
            rows = read_rows(connection, employee_ids)
        return [row for row in rows if row.stored_at and row.stored_at >= self._began]

    def compare(self, accepted: Mapping[str, SentMessage]) -> Ledger:
        """Compare accepted messages, by id, with the rows and dead letters."""
        employee_ids = {message.punch.employee_id for message in accepted.values() if message.punch}
        dead_letters = []
        if self.depth(self.address.dlq_url):
            with queue_reader.open_reader(self.sqs, self.address.dlq_url) as reader:
                dead_letters = [
                    DeadLetteredMessage(message.message_id, message.reason, message.body) for message in reader.messages
                ]
        return build_ledger(accepted, self.rows(*employee_ids), dead_letters)

    @contextlib.contextmanager
    def refuse_punches(self, employee_id: Subject) -> Iterator[None]:
        """Make PostgreSQL refuse an employee's punches with a permanent data error while the context is open."""
        self.query(
            "create or replace function refuse() returns trigger language plpgsql as $$ begin "
            f"if new.{EVENT.subject} = '{employee_id}' then "
            "raise 'no' using errcode = 'invalid_parameter_value'; end if; return new; end $$; "
            "create trigger refuse before insert on ponto.batida for each row execute function refuse()"
        )
        try:
            yield
        finally:
            self.query("drop trigger refuse on ponto.batida; drop function refuse")

    def depth(self, queue_url: str) -> int:
        """Return the number of messages in a queue, including those in flight."""
        return queue_reader.depth(self.sqs, queue_url).total

    def wait_until_drained(self) -> None:
        """Wait until the punch queue is empty."""
        wait_for(lambda: self.depth(self.address.queue_url) == 0, "the queue to be empty")

    def dead_letters(self, expected: int) -> list[dict[str, Any]]:
        """Wait for this number of dead letters, then receive and delete them."""
        wait_for(lambda: self.depth(self.address.dlq_url) >= expected, f"{expected} dead letters")
        messages = self.take_dead_letters()
        assert len(messages) == expected, messages
        return messages

    def take_dead_letters(self) -> list[dict[str, Any]]:
        """Receive and delete all visible dead letters."""
        messages = receive_all(self.sqs, self.address.dlq_url)
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.address.dlq_url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def purge_dead_letters(self) -> None:
        """Delete all dead letters, including those in flight."""
        self.sqs.purge_queue(QueueUrl=self.address.dlq_url)
