"""In-memory collaborators of the drain, for tests of this project and of forks. Not part of the function's zip.

fakes = Collaborators()
fakes.store.outcomes["m2"] = Outcome(Status.FAILED, "the database is gone")
handler.main(event, context, fakes.drain())
assert [entry.message_id for entry in fakes.store.rows.values()] == ["m1"]
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ponto.bisection import in_halves
from ponto.dead_letters import DeadLetters, Rejection
from ponto.drain import Drain, Parse
from ponto.errors import kind_and_line
from ponto.message import Message
from ponto.punch import parse
from ponto.redelivery import Redelivery
from ponto.store import Entry, Outcome, QueryFailedError, Status, Store

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
        self.failing_seconds: dict[str, float] | None = {}  # result of `failing`, by message id; None: no answer
        self._calls = calls

    @property
    def entries(self) -> list[Entry]:
        """Entries of all batches."""
        return [entry for batch in self.batches for entry in batch]

    def save(self, entries: Sequence[Entry], deadline: float = 0) -> list[Outcome]:
        """Store entries, or return what `outcomes` has; an exception there becomes UNEXPECTED, as in `Store`."""
        _record(self._calls, "save", deadline)
        return in_halves(entries, self._save, Exception, lambda error: Outcome(Status.UNEXPECTED, kind_and_line(error)))

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Return what `failing_seconds` has of these messages."""
        _record(self._calls, "failing", deadline)
        if self.failing_seconds is None:
            raise QueryFailedError("OperationalError: gone")
        return {name: seconds for name, seconds in self.failing_seconds.items() if name in message_ids}

    def close(self) -> None:
        """Do nothing."""

    def _save(self, entries: Sequence[Entry]) -> list[Outcome]:
        for entry in entries:
            if isinstance(error := self.outcomes.get(entry.message_id), Exception):
                raise error
        self.batches.append(list(entries))
        return [self._save_one(entry) for entry in entries]

    def _save_one(self, entry: Entry) -> Outcome:
        outcome = self.outcomes.get(entry.message_id)
        if isinstance(outcome, Outcome):
            return outcome
        row = self.rows.setdefault(entry.punch.id, entry)
        if row is entry:
            return Outcome(Status.STORED)
        if row.punch.compared != entry.punch.compared:
            return Outcome(Status.CONFLICT, f"id {entry.punch.id} belongs to another punch")
        is_redelivered = row.message_id == entry.message_id and not entry.is_new_copy
        return Outcome(Status.REDELIVERED if is_redelivered else Status.DUPLICATE)


class InMemoryDeadLetters(DeadLetters):
    """Dead-letter queue in memory."""

    def __init__(self, calls: list[Call]) -> None:
        """Create an empty queue, which records its calls in the list."""
        self.sent: list[Rejection] = []
        self.refused: dict[str, str] = {}  # why a message cannot be sent, by its id
        self._calls = calls

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        """Keep the rejections, but for those that `refused` has."""
        _record(self._calls, "send", deadline)
        ids = {rejection.message.id for rejection in rejections}
        self.sent += [rejection for rejection in rejections if rejection.message.id not in self.refused]
        return {message_id: reason for message_id, reason in self.refused.items() if message_id in ids}


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
        _record(self._calls, "shorten_visibility", end)
        self.shortened += [message.id for message in messages]
        if self.error:
            raise self.error

    def set_visibility(self, delays: Sequence[tuple[Message, int]], end: float) -> None:
        """Remember the delays."""
        _record(self._calls, "set_visibility", end)
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

    def drain(
        self,
        *,
        identity: bool = False,
        visibility_timeout_seconds: int = 0,
        parse: Parse = parse,
        clock: Callable[[], float] = time.monotonic,
    ) -> Drain:
        """Return a drain with these collaborators; for the arguments see `Drain`."""
        return Drain(
            ZONE,
            self.store,
            self.dead_letters,
            self.redelivery,
            identity=identity,
            visibility_timeout_seconds=visibility_timeout_seconds,
            parse=parse,
            clock=clock,
        )


def _record(calls: list[Call], name: str, deadline: float) -> None:
    if deadline <= time.monotonic():
        raise AssertionError(f"{name} was called past its deadline")
    calls.append(Call(name, deadline))
