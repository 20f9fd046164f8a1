"""Storing punches in PostgreSQL: a batch in, an outcome for each of its entries out."""

import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg2

from ponto.bisection import in_halves
from ponto.connection import TIMEOUTS, UNANSWERED, CannotConnectError, Parameters, Session, Timeouts, message_of
from ponto.database_names import read_sql
from ponto.errors import kind_and_line
from ponto.punch import FIELDS, Punch

_SQL = Path(__file__).parent / "sql"
_STORE = read_sql(_SQL / "store.sql")
_EXISTING = read_sql(_SQL / "existing.sql")
_FAILING = read_sql(_SQL / "failing.sql")

# SQLSTATE classes of which one entry of a batch can be the cause: data exception, integrity constraint violation,
# program limit exceeded.
_OF_AN_ENTRY = ("22", "23", "54")
# Only the first is the data's own fault, so that no retry can help. A punch that passed `parse` violates no constraint
# of the schema that this code knows, and exceeds no limit: the schema is newer, or somebody changed it.
_REFUSAL = "22"

_QUOTED = re.compile(r'["«»„“].*["«»“”]', re.DOTALL)  # in any language that PostgreSQL speaks

_NUMBERS = [Punch._fields.index(column) for column, field in FIELDS.items() if field.type == "number"]


class _Row(NamedTuple):
    """What stands under an id."""

    message_id: str | None  # that brought it
    compared: Sequence[float]  # the values of `Punch.compared`


class Entry(NamedTuple):
    """A punch and the message that first brought it."""

    punch: Punch
    message_id: str  # of SQS
    received_ms: int  # SQS's SentTimestamp: ms since the epoch, UTC
    api_key_id: str | None = None  # of the API key that it came with
    is_new_copy: bool = False  # first receive of a redriven message: a row of `message_id` is not of this copy


class Status(Enum):
    STORED = auto()
    DUPLICATE = auto()  # the same punch stands already, which another message, or copy of it, brought
    REDELIVERED = auto()  # it stands already, by this very message
    CONFLICT = auto()  # another punch stands under its id
    REFUSED = auto()  # PostgreSQL can never store it
    FAILED = auto()  # not known to be stored: try again later
    UNEXPECTED = auto()  # our own code failed on it


class Outcome(NamedTuple):
    status: Status
    detail: str = ""  # printable ASCII, at most 200 characters, no value of the punch but its id


_STORED = Outcome(Status.STORED)
_DUPLICATE = Outcome(Status.DUPLICATE)
_REDELIVERED = Outcome(Status.REDELIVERED)
_STANDING = {Status.STORED, Status.DUPLICATE, Status.REDELIVERED, Status.CONFLICT}  # a row stands under the id
_UNSEEN = Outcome(Status.FAILED, "its id was taken, but the row that took it cannot be seen")
_REPEAT = Outcome(Status.FAILED, "an earlier punch of this batch had its id, and was refused")


class NoAnswer(Exception):
    """PostgreSQL did not answer a question."""


class Store:
    """The table of punches. For one thread."""

    def __init__(self, parameters: Callable[[], Parameters], timeouts: Timeouts = TIMEOUTS) -> None:
        """Does not connect. What `parameters` raises is an outcome too; for the arguments see `Session`."""
        self._session = Session(parameters, timeouts)

    def save(self, entries: Sequence[Entry], deadline: float = math.inf) -> list[Outcome]:
        """Store a batch, normally in one statement, and give the outcome of each entry, in their order.

        Of several entries with one id the first is stored, if it can be, and the others are compared with
        what stands. Safe to repeat: what this message has stored already is REDELIVERED. So may be a punch of this
        very call, when the connection broke before PostgreSQL's answer came through.

        Nothing is raised: what PostgreSQL, the network, `parameters` or our own code did is an outcome. For the
        deadline see `Session.execute`.
        """
        if not entries:
            return []
        first: dict[str, int] = {}  # index in entries, by id: a statement carries an id once
        for index, entry in enumerate(entries):
            first.setdefault(entry.punch.id, index)
        saved = self._save_distinct([entries[index] for index in first.values()], deadline)
        if len(first) == len(entries):
            return saved

        # A repeat is compared with the row that stands. Where none does, it becomes what the first of its id did.
        of_first = dict(zip(first, saved, strict=True))
        outcomes = [of_first[entry.punch.id] for entry in entries]
        repeats = [index for index, entry in enumerate(entries) if first[entry.punch.id] != index]
        standing = [index for index in repeats if outcomes[index].status in _STANDING]
        for index in repeats:
            if outcomes[index].status is Status.REFUSED:
                outcomes[index] = _REPEAT
        if standing:
            again = [entries[index] for index in standing]
            compared = in_halves(again, lambda part: self._compare(part, deadline), Exception, _of_an_entry)
            for index, outcome in zip(standing, compared, strict=True):
                outcomes[index] = outcome
        return outcomes

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Tell for how long, s, our own code has failed on those of the messages that are known; remember the others.

        Raises:
            NoAnswer: PostgreSQL did not say. The message is as an outcome's detail.
        """
        try:
            return dict(self._session.execute(_FAILING, {"ids": list(message_ids)}, deadline))
        except UNANSWERED as error:
            raise NoAnswer(self._give_up(error).detail) from error

    def close(self) -> None:
        """Close the connection if there is one. A later `save` opens another."""
        self._session.close()

    def _save_distinct(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Store entries of distinct ids, in halves down to one that PostgreSQL refuses or our own code fails on."""
        given_up: Outcome | None = None  # for all that is left

        def attempt(part: Sequence[Entry]) -> list[Outcome]:
            nonlocal given_up
            if given_up is None:
                try:
                    return self._insert(part, deadline)
                except UNANSWERED as error:
                    if _sqlstate(error).startswith(_OF_AN_ENTRY):
                        raise
                    given_up = self._give_up(error)
            return [given_up] * len(part)

        return in_halves(entries, attempt, Exception, _of_an_entry)

    def _insert(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Insert entries of distinct ids, and compare those whose id was taken."""
        rows = self._session.execute(_STORE, {"entries": _document(entries)}, deadline)
        if len(rows) == len(entries):
            return [_STORED] * len(entries)
        new = {punch_id for (punch_id,) in rows}
        taken = iter(self._compare([entry for entry in entries if entry.punch.id not in new], deadline))
        return [_STORED if entry.punch.id in new else next(taken) for entry in entries]

    def _compare(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Compare entries with the rows under their ids."""
        try:
            existing = self._existing([entry.punch.id for entry in entries], deadline)
        except UNANSWERED as error:
            return [self._give_up(error)] * len(entries)
        rows = [existing.get(entry.punch.id) for entry in entries]
        return [_compared(entry, row) if row else _UNSEEN for entry, row in zip(entries, rows, strict=True)]

    def _existing(self, ids: list[str], deadline: float) -> dict[str, _Row]:
        rows = self._session.execute(_EXISTING, {"ids": ids}, deadline)
        return {punch_id: _Row(message_id, compared) for punch_id, message_id, *compared in rows}

    def _give_up(self, error: Exception) -> Outcome:
        """Turn an error that is not the data's fault into an outcome. Nothing is presumed of the connection."""
        if isinstance(error, psycopg2.Error):
            self._session.close()
        return _failed(error)


def _compared(entry: Entry, there: _Row) -> Outcome:
    ours = entry.punch.compared
    differing = [column for column, theirs in zip(ours, there.compared, strict=True) if ours[column] != theirs]
    if differing:
        return Outcome(
            Status.CONFLICT, f"id {entry.punch.id} belongs to a punch with another {' and '.join(differing)}"
        )
    is_redelivered = there.message_id == entry.message_id and not entry.is_new_copy
    return _REDELIVERED if is_redelivered else _DUPLICATE


def _document(entries: Sequence[Entry]) -> str:
    rows: list[tuple[Any, ...]] = [
        (*punch, received_ms, message_id, api_key_id) for punch, message_id, received_ms, api_key_id, _ in entries
    ]
    numbers = [number for row in rows for index in _NUMBERS if (number := row[index])]
    if math.isfinite(sum(numbers)):  # of NaN, orjson would write null
        with suppress(orjson.JSONEncodeError):  # half a surrogate pair, for example
            return orjson.dumps(rows).decode()
    return json.dumps(rows, default=datetime.isoformat)  # PostgreSQL says what is wrong with it


def _of_an_entry(error: Exception) -> Outcome:
    if not isinstance(error, psycopg2.Error):
        return Outcome(Status.UNEXPECTED, kind_and_line(error))
    if not _sqlstate(error).startswith(_REFUSAL):
        return _failed(error)  # whose message has names of the schema, but no value
    detail = f"SQLSTATE {error.pgcode}: {_QUOTED.sub('...', message_of(error))}"  # quotes may hold personal data
    return Outcome(Status.REFUSED, _printable(detail))


def _sqlstate(error: Exception) -> str:
    return (isinstance(error, psycopg2.Error) and error.pgcode) or ""


def _failed(error: Exception) -> Outcome:
    if isinstance(error, psycopg2.Error):
        state = f" (SQLSTATE {error.pgcode})" if error.pgcode else ""
        detail = f"{type(error).__name__}{state}: {message_of(error)}"
    elif isinstance(error, CannotConnectError):
        detail = f"cannot connect to the database: {error}"
    else:
        detail = str(error)
    return Outcome(Status.FAILED, _printable(detail))


def _printable(text: str) -> str:
    line = text.partition("\n")[0][:200]
    return "".join(character if " " <= character <= "~" else "?" for character in line)
