"""The store, the dead-letter queue and the redelivery that the function works with, of paper."""

import time
from collections.abc import Sequence
from typing import cast
from zoneinfo import ZoneInfo

from ponto.bisection import in_halves
from ponto.dead_letters import DeadLetters, Rejection
from ponto.drain import Drain
from ponto.errors import kind_and_line
from ponto.punch import Reason
from ponto.records import Record
from ponto.redelivery import Redelivery
from ponto.store import Entry, NoAnswer, Outcome, Status, Store

ZONE = ZoneInfo("America/Sao_Paulo")
STORED = Outcome(Status.STORED)


class Paper:
    """All three: stores all and takes all but for what it is told, and remembers what it was given."""

    def __init__(self) -> None:
        self.answers: dict[int, Outcome | Exception] = {}  # of the store, by employee
        self.since: dict[str, float] = {}  # for how many seconds our code has failed, by message id
        self.answers_since = True
        self.refuses: dict[str, str] = {}  # why a dead letter cannot be sent, by message id
        self.error: Exception | None = None  # of the redelivery
        self.clear()

    def clear(self) -> None:
        """Forget what it was given."""
        self.journal: list[str] = []
        self.deadlines: dict[str, float] = {}  # by name of the call
        self.batches: list[list[Entry]] = []  # that were stored, or answered for
        self.rejections: list[Rejection] = []
        self.shortened: list[str] = []
        self.hidden: dict[str, int] = {}  # for how many seconds suspects were hidden, by message id

    @property
    def entries(self) -> list[Entry]:
        return [entry for batch in self.batches for entry in batch]

    @property
    def reasons(self) -> list[tuple[str, Reason, str]]:
        return [(rejection.record["messageId"], rejection.reason, rejection.detail) for rejection in self.rejections]

    def save(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        self._called("save", deadline)
        return in_halves(entries, self._save, Exception, lambda error: Outcome(Status.UNEXPECTED, kind_and_line(error)))

    def _save(self, entries: Sequence[Entry]) -> list[Outcome]:
        outcomes = []
        for entry in entries:
            answer = self.answers.get(entry.punch.employee, STORED)
            if isinstance(answer, Exception):
                raise answer
            outcomes.append(answer)
        self.batches.append(list(entries))
        return outcomes

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        self._called("failing", deadline)
        if not self.answers_since:
            raise NoAnswer("OperationalError: gone")
        return {message_id: self.since[message_id] for message_id in message_ids if message_id in self.since}

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        self._called("send", deadline)
        self.rejections += rejections
        ids = [rejection.record["messageId"] for rejection in rejections]
        return {message_id: why for message_id, why in self.refuses.items() if message_id in ids}

    def shorten_visibility(self, records: Sequence[Record], end: float) -> None:
        self._called("shorten_visibility", end)
        self.shortened += [each["messageId"] for each in records]
        if self.error:
            raise self.error

    def set_visibility(self, delays: Sequence[tuple[Record, int]], end: float) -> None:
        self._called("set_visibility", end)
        if self.error:
            raise self.error
        self.hidden |= {record["messageId"]: seconds for record, seconds in delays}

    def drain(self, *, identity: bool = False, visibility_s: int = 0) -> Drain:
        return Drain(
            ZONE,
            cast(Store, self),
            cast(DeadLetters, self),
            identity=identity,
            visibility_s=visibility_s,
            redelivery=cast(Redelivery, self),
        )

    def consumer(self) -> tuple[Drain, Redelivery]:
        return self.drain(), cast(Redelivery, self)

    def _called(self, name: str, deadline: float) -> None:
        assert deadline > time.monotonic()
        self.journal.append(name)
        self.deadlines[name] = deadline
