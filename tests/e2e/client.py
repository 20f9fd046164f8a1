"""What an employee's device, an operator and a report do with the deployed system."""

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
from ponto.parser import parse
from ponto.punch import INSTANT_COLUMN, SUBJECT_COLUMN
from tests.aws import receive_all
from tests.database import execute
from tests.waiting import DEADLINE_SECONDS, wait_for
from tools.kit import queue_reader
from tools.local.stack import Stack

EMPLOYEES = count(1_000_000)
"""Numbers of people who have not punched yet: all tests share a database whose rows stay."""


class Response(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]  # by lower-case name


def expected_message(body: object) -> SentMessage:
    """Tell what `Client.post` sends of a punch that it is given as an object."""
    text = json.dumps(body)
    punch = parse(text, ZoneInfo("America/Sao_Paulo"))
    return SentMessage(PunchKey(punch.id, punch.employee_id, getattr(punch, INSTANT_COLUMN)), text)


class Client:
    """Talks to a running stack from outside: HTTP, SQS and SQL."""

    def __init__(self, stack: Stack) -> None:
        self.address = stack.address
        self.sqs = stack.client("sqs")

    def post(self, body: object, method: str = "POST", below: str = "", **headers: str | None) -> Response:
        """POST a punch: an object is sent as JSON, bytes as they are. A header given as None is left out.

        Args:
            body: what to send.
            method: another one asks for something else.
            below: what follows the path `/ponto`.
            headers: besides the content type and the key.
        """
        default = {"content-type": "application/json", "x-api-key": self.address.api_key}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        with urllib3.PoolManager() as connections:
            answer = connections.request(
                method,
                self.address.api_url + below,
                body=body if isinstance(body, bytes) else json.dumps(body).encode(),
                headers={name: value for name, value in (default | given).items() if value is not None},
                retries=False,
                timeout=DEADLINE_SECONDS,
            )
        return Response(
            answer.status,
            json.loads(answer.data) if answer.data else None,
            {name.lower(): value for name, value in answer.headers.items()},
        )

    def get(self, identifier: object, method: str = "GET", **headers: str | None) -> Response:
        """Ask for a receipt. A header given as None is left out."""
        return self.post(b"", method, f"/{identifier}", content_type=None, **headers)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement, or several, on the stack's database, and give the rows of the last."""
        return execute(self.address.database_url, statement, *values)

    def rows(self, *employees: int) -> list[StoredPunch]:
        """The punches of some employees, the earliest first."""
        found = self.rows_in_range(range(min(employees), max(employees) + 1))
        return [row for row in found if row.punch.employee_id in employees]

    def rows_in_range(self, employees: range) -> list[StoredPunch]:
        """The punches of employees that a run has to itself, the earliest first."""
        with contextlib.closing(psycopg2.connect(self.address.database_url)) as connection:
            return read_rows(connection, employees)

    def judge(self, accepted: Mapping[str, SentMessage]) -> Ledger:
        """Find the end of messages, by their ids."""
        employees = {message.punch.employee_id for message in accepted.values() if message.punch}
        dead_letters = []
        if self.depth(self.address.dlq_url):
            with queue_reader.open_reader(self.sqs, self.address.dlq_url) as reader:
                dead_letters = [
                    DeadLetteredMessage(each.message_id, each.reason, each.body) for each in reader.messages
                ]
        return build_ledger(accepted, self.rows(*employees), dead_letters)

    @contextlib.contextmanager
    def refusing(self, employee: int) -> Iterator[None]:
        """Let PostgreSQL refuse an employee's punches for good, by an error of the class that the data causes."""
        self.query(
            "create or replace function refuse() returns trigger language plpgsql as $$ begin "
            f"if new.{SUBJECT_COLUMN} = {employee} then raise 'no' using errcode = 'invalid_parameter_value'; end if; "
            "return new; end $$; "
            "create trigger refuse before insert on ponto.batida for each row execute function refuse()"
        )
        try:
            yield
        finally:
            self.query("drop trigger refuse on ponto.batida; drop function refuse")

    def depth(self, queue_url: str) -> int:
        """Messages in a queue, those being worked on included."""
        return queue_reader.depth(self.sqs, queue_url).total

    def wait_until_drained(self) -> None:
        """Wait until no punch is queued."""
        wait_for(lambda: self.depth(self.address.queue_url) == 0, "the queue to be empty")

    def dead_letters(self, expected: int) -> list[dict[str, Any]]:
        """Take the dead letters, once there are as many as expected."""
        wait_for(lambda: self.depth(self.address.dlq_url) >= expected, f"{expected} dead letters")
        taken = self.take_dead_letters()
        assert len(taken) == expected, taken
        return taken

    def take_dead_letters(self) -> list[dict[str, Any]]:
        """Take all dead letters that can be received now."""
        taken = receive_all(self.sqs, self.address.dlq_url)
        for message in taken:
            self.sqs.delete_message(QueueUrl=self.address.dlq_url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def purge_dead_letters(self) -> None:
        """Delete all dead letters, those that somebody has received too."""
        self.sqs.purge_queue(QueueUrl=self.address.dlq_url)
