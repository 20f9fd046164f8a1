"""In-memory collaborators of the drain, for tests of this project and of forks. Not part of the function's zip.

fakes = Collaborators()
fakes.store.outcomes["m2"] = Outcome(Status.FAILED, "the database is gone")
handler.main(event, context, fakes.drain())
assert [entry.message_id for entry in fakes.store.rows.values()] == ["m1"]
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ponto.dead_letters import DeadLetters, Rejection
from ponto.drain import Drain
from ponto.message import Message
from ponto.redelivery import Redelivery
from ponto.store import Entry, ExistingRow, Outcome, QueryFailedError, Status, Store, compare

ZONE = ZoneInfo("America/Sao_Paulo")
"""Time zone of the test drain."""


class Call(NamedTuple):
    """Call of a collaborator."""

    name: str
    deadline: float  # `time.monotonic()` seconds


class InMemoryStore(Store):
    """Store that keeps its rows in memory, and compares a repeated id as PostgreSQL's does."""

    def __init__(self, calls: list[Call]) -> None:
        """Create an empty store, which records its calls in the list."""
        self.rows: dict[str, Entry] = {}  # by punch id
        self.batches: list[list[Entry]] = []  # the entries of each statement, whatever their outcome
        self.outcomes: dict[str, Outcome | Exception] = {}  # by message id: instead of storing
        self.failing_seconds: dict[str, float] | None = {}  # result of `record_failing`, by message id; None: no answer
        self._calls = calls
        super().__init__(dict)  # which is never connected

    @property
    def entries(self) -> list[Entry]:
        """Entries of all batches."""
        return [entry for batch in self.batches for entry in batch]

    def save(self, entries: Sequence[Entry], deadline: float = math.inf) -> list[Outcome]:
        """Store entries, or return what `outcomes` has; an exception there has the outcome that it has in `Store`."""
        self._calls.append(Call("save", deadline))
        return super().save(entries, deadline)

    def record_failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Return what `failing_seconds` has of these messages."""
        self._calls.append(Call("failing", deadline))
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
        return compare(entry, ExistingRow(row.punch.id, row.message_id, row.punch.comparison_key))


class InMemoryDeadLetters(DeadLetters):
    """Dead-letter queue in memory."""

    def __init__(self, calls: list[Call]) -> None:
        """Create an empty queue, which records its calls in the list."""
        self.sent: list[Rejection] = []
        self.refused: dict[str, str] = {}  # why a message cannot be sent, by its id
        self._calls = calls

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Keep the rejections, but for those that `refused` has."""
        self._calls.append(Call("send", deadline))
        self.sent += [rejection for rejection in rejections if rejection.message.id not in self.refused]
        ids = [rejection.message.id for rejection in rejections]
        return {message_id: self.refused[message_id] for message_id in ids if message_id in self.refused}


class InMemoryRedelivery(Redelivery):
    """Redelivery that remembers what it was to do."""

    def __init__(self, calls: list[Call]) -> None:
        """Create a redelivery, which records its calls in the list."""
        self.shortened: list[str] = []  # ids of messages
        self.hidden_seconds: dict[str, int] = {}  # by message id
        self.error: Exception | None = None  # to raise
        self._calls = calls

    def shorten_visibility(self, messages: Sequence[Message], end: float) -> None:
        """Remember the messages."""
        self._calls.append(Call("shorten_visibility", end))
        self.shortened += [message.id for message in messages]
        if self.error:
            raise self.error

    def set_visibility(self, delays: Sequence[tuple[Message, int]], end: float) -> None:
        """Remember the delays."""
        self._calls.append(Call("set_visibility", end))
        if self.error:
            raise self.error
        self.hidden_seconds |= {message.id: seconds for message, seconds in delays}


class Collaborators:
    """The drain's collaborators, which record their calls in one list."""

    def __init__(self) -> None:
        """Create empty ones."""
        self.calls: list[Call] = []
        self.store = InMemoryStore(self.calls)
        self.dead_letters = InMemoryDeadLetters(self.calls)
        self.redelivery = InMemoryRedelivery(self.calls)

    def drain(self, **options: Any) -> Drain:
        """Return a drain with these collaborators; the options are keyword arguments of `Drain`."""
        return Drain(ZONE, self.store, self.dead_letters, self.redelivery, **options)
