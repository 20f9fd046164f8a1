"""In-memory fakes for a drain, for tests. The deployed package does not contain them.

fakes = Fakes()
fakes.store.outcomes["m2"] = Outcome(Status.FAILED, "the database is gone")
handler.main(event, context, fakes.drain())
assert [entry.message_id for entry in fakes.store.rows.values()] == ["m1"]
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ponto.drain.dead_letters import DeadLetters, Rejection
from ponto.drain.drain import Drain
from ponto.drain.message import Message
from ponto.drain.retry_backoff import RetryBackoff
from ponto.drain.store import Entry, ExistingRow, Outcome, QueryFailedError, Status, Store, compare
from ponto.punch import EVENT

ZONE = ZoneInfo("America/Sao_Paulo")
"""Time zone of the test drain."""


class Call(NamedTuple):
    """A recorded call of a fake's method."""

    name: str
    deadline: float  # in `time.monotonic()` seconds


class InMemoryStore(Store):
    """Store that keeps its rows in memory, and handles existing ids like the real one."""

    def __init__(self, calls: list[Call]) -> None:
        """Create an empty store, which appends its calls to the list."""
        self.rows: dict[str, Entry] = {}  # by punch id
        self.batches: list[list[Entry]] = []  # the entries of each statement, with any outcome
        self.outcomes: dict[str, Outcome | Exception] = {}  # to return or raise instead of storing, by message id
        self.failing_seconds: dict[str, float] | None = {}  # result of `record_failures`, by message id; None: it fails
        self._calls = calls
        super().__init__(dict)  # its session is never used

    @property
    def entries(self) -> list[Entry]:
        """The entries of all batches."""
        return [entry for batch in self.batches for entry in batch]

    def save(self, entries: Sequence[Entry], deadline: float = math.inf) -> list[Outcome]:
        """Store entries, or return their `outcomes`. An exception in `outcomes` is handled like PostgreSQL's."""
        self._calls.append(Call("save", deadline))
        return super().save(entries, deadline)

    def record_failures(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Return the `failing_seconds` of these messages."""
        self._calls.append(Call("record_failures", deadline))
        if self.failing_seconds is None:
            raise QueryFailedError("OperationalError: gone")
        return {name: seconds for name, seconds in self.failing_seconds.items() if name in message_ids}

    def _insert(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        for entry in entries:
            if isinstance(error := self.outcomes.get(entry.message_id), Exception):
                raise error
        del deadline
        self.batches.append(list(entries))
        return [self._insert_one(entry) for entry in entries]

    def _insert_one(self, entry: Entry) -> Outcome:
        outcome = self.outcomes.get(entry.message_id)
        if isinstance(outcome, Outcome):
            return outcome
        row = self.rows.setdefault(entry.punch.id, entry)
        if row is entry:
            return Outcome(Status.STORED)
        return compare(entry, ExistingRow(row.punch.id, row.message_id, EVENT.comparison_key(row.punch)))


class InMemoryDeadLetters(DeadLetters):
    """Dead-letter queue that keeps its messages in memory."""

    def __init__(self, calls: list[Call]) -> None:
        """Create an empty queue, which appends its calls to the list."""
        self.sent: list[Rejection] = []
        self.refused: dict[str, str] = {}  # errors for messages that cannot be sent, by message id
        self._calls = calls

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Add the rejections to `sent`, except those in `refused`."""
        self._calls.append(Call("send", deadline))
        self.sent += [rejection for rejection in rejections if rejection.message.id not in self.refused]
        ids = [rejection.message.id for rejection in rejections]
        return {message_id: self.refused[message_id] for message_id in ids if message_id in self.refused}


class InMemoryRetryBackoff(RetryBackoff):
    """Backoff that records the changes of visibility timeouts."""

    def __init__(self, calls: list[Call]) -> None:
        """Create a backoff, which appends its calls to the list."""
        self.shortened: list[str] = []  # message ids
        self.hidden_seconds: dict[str, int] = {}  # by message id
        self.error: Exception | None = None  # to raise in each call
        self._calls = calls

    def shorten_visibility(self, messages: Sequence[Message], deadline: float) -> None:
        """Record the ids of the messages."""
        self._calls.append(Call("shorten_visibility", deadline))
        self.shortened += [message.id for message in messages]
        if self.error:
            raise self.error

    def set_visibility(self, delays: Sequence[tuple[Message, int]], deadline: float) -> None:
        """Record the delays."""
        self._calls.append(Call("set_visibility", deadline))
        if self.error:
            raise self.error
        self.hidden_seconds |= {message.id: seconds for message, seconds in delays}


class Fakes:
    """Fakes for all dependencies of a drain. They record their calls in one list."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.store = InMemoryStore(self.calls)
        self.dead_letters = InMemoryDeadLetters(self.calls)
        self.retry_backoff = InMemoryRetryBackoff(self.calls)

    def drain(self, **options: Any) -> Drain:
        """Return a drain with these fakes. The options are keyword arguments of `Drain`."""
        return Drain(ZONE, self.store, self.dead_letters, self.retry_backoff, **options)
