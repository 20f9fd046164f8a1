"""Storage of punches in PostgreSQL."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg2

from ponto.bisection import process_in_halves
from ponto.connection import QUERY_ERRORS, TIMEOUTS, CannotConnectError, Parameters, Session, Timeouts, error_message
from ponto.log import type_and_location
from ponto.parser import FIELDS
from ponto.punch import Punch
from ponto.sql_names import read_sql

_SQL = Path(__file__).parent / "sql"
_EXISTING = read_sql(_SQL / "existing.sql")
_FAILING = read_sql(_SQL / "failing.sql")

# SQLSTATE classes that one entry of a batch can cause: data exception, integrity constraint violation, program limit
# exceeded.
_ENTRY_ERROR_CLASSES = ("22", "23", "54")
# Only the first means that the data is wrong, so that no retry can help. A punch that passed `parse` violates no
# constraint of the schema that this code knows, and exceeds no limit: the schema is newer, or was changed by hand.
_REFUSAL_CLASS = "22"

_QUOTED = re.compile(r'["«»„“].*["«»“”]', re.DOTALL)  # in any language of PostgreSQL's messages

_NUMBERS = [Punch._fields.index(column) for column, field in FIELDS.items() if field.type == "number"]


class ExistingRow(NamedTuple):
    """Row of `existing.sql`."""

    id: str
    mensagem_id: str | None  # the message that brought it
    comparison_key: Mapping[str, object]  # as `Punch.comparison_key`


class Entry(NamedTuple):
    """A punch and the message that first brought it."""

    punch: Punch
    message_id: str  # of SQS
    received_ms: int  # SQS's SentTimestamp: ms since the epoch, UTC
    api_key_id: str | None = None  # of the API key that it came with
    is_new_copy: bool = False  # first receive of a redriven message: a row of `message_id` is not of this copy

    @property
    def values(self) -> tuple[Any, ...]:
        """Values in the order of COLUMNS."""
        return (*self.punch, self.received_ms, self.message_id, self.api_key_id)


COLUMNS = (*Punch._fields, "recebida_ms", "mensagem_id", "chave")
"""Names by which `store.sql` takes the values of an entry."""

_STORE = read_sql(_SQL / "store.sql").format(**{name: index for index, name in enumerate(COLUMNS)})


class Status(Enum):
    STORED = auto()
    DUPLICATE = auto()  # the same punch is a row already, from another message or copy of this one
    REDELIVERED = auto()  # it is a row already, from this very message
    CONFLICT = auto()  # another punch is the row of its id
    REFUSED = auto()  # PostgreSQL can never store it
    FAILED = auto()  # not known to be stored: try again later
    UNEXPECTED = auto()  # the function's own code failed on it


class Outcome(NamedTuple):
    status: Status
    detail: str = ""  # printable ASCII, at most 200 characters, no value of the punch but its id


_STORED = Outcome(Status.STORED)
_DUPLICATE = Outcome(Status.DUPLICATE)
_REDELIVERED = Outcome(Status.REDELIVERED)
_ROW_NOT_VISIBLE = Outcome(Status.FAILED, "its id was taken, but the row that took it cannot be seen")


class QueryFailedError(Exception):
    """PostgreSQL did not answer a query."""


class Store:
    """The table of punches. For one thread."""

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        timeouts: Timeouts = TIMEOUTS,
        create_session: Callable[[Callable[[], Parameters], Timeouts], Session] = Session,
    ) -> None:
        """Create a store; it does not connect yet.

        Args:
            parameters: as of `Session`; an exception of it becomes the outcome of the entries.
            timeouts: as of `Session`.
            create_session: makes what runs the statements.
        """
        self._session = create_session(parameters, timeouts)

    def save(self, entries: Sequence[Entry], deadline: float = math.inf) -> list[Outcome]:
        """Store a batch, normally in one statement, and return the outcome of each entry, in their order.

        Of several entries with one id the first is stored, if it can be, and the others are compared with the row.
        Safe to repeat: what a message has stored already is REDELIVERED. So may be a punch of this very call, if the
        connection broke before PostgreSQL's answer arrived.

        Nothing is raised: errors of PostgreSQL, the network, `parameters` and this code are outcomes. For the deadline
        see `Session.execute`.
        """
        if not entries:
            return []
        given_up: Outcome | None = None  # of all entries not tried yet

        def attempt(part: Sequence[Entry]) -> list[Outcome]:
            nonlocal given_up
            if given_up is None:
                try:
                    return self._insert(part, deadline)
                except QUERY_ERRORS as error:
                    if _sqlstate(error).startswith(_ENTRY_ERROR_CLASSES):
                        raise
                    given_up = self._give_up(error)
            return [given_up] * len(part)

        return process_in_halves(entries, attempt, Exception, _outcome_of_error)

    def record_failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Record messages that the function's own code fails on; return for how many seconds, by id, if not new.

        Raises:
            QueryFailedError: PostgreSQL did not answer. The message is as an outcome's detail.
        """
        try:
            return dict(self._session.execute(_FAILING, {"ids": list(message_ids)}, deadline))
        except QUERY_ERRORS as error:
            raise QueryFailedError(self._give_up(error).detail) from error

    def close(self) -> None:
        """Close the connection if there is one. A later `save` opens another."""
        self._session.close()

    def _insert(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Insert entries, and compare those whose id was taken, by a row or by an earlier entry."""
        rows = self._session.execute(_STORE, {"entries": _document(entries)}, deadline)
        outcomes = [_STORED] * len(entries)
        if len(rows) == len(entries):
            return outcomes
        new = {punch_id for (punch_id,) in rows}
        taken = []
        for index, entry in enumerate(entries):
            if entry.punch.id in new:
                new.remove(entry.punch.id)
            else:
                taken.append(index)
        for index, outcome in zip(taken, self._compare([entries[index] for index in taken], deadline), strict=True):
            outcomes[index] = outcome
        return outcomes

    def _compare(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Compare entries with the rows under their ids."""
        ids = [entry.punch.id for entry in entries]
        try:
            rows = self._session.execute(_EXISTING, {"ids": ids}, deadline)
        except QUERY_ERRORS as error:
            return [self._give_up(error)] * len(entries)
        existing = {row.id: row for row in map(ExistingRow._make, rows)}
        return [
            compare(entry, existing[entry.punch.id]) if entry.punch.id in existing else _ROW_NOT_VISIBLE
            for entry in entries
        ]

    def _give_up(self, error: Exception) -> Outcome:
        """Return the outcome of an error that the data did not cause; the connection may be broken, and is closed."""
        if isinstance(error, psycopg2.Error):
            self._session.close()
        return _failed(error)


def compare(entry: Entry, row: ExistingRow) -> Outcome:
    """Return the outcome of an entry whose id is that of a row."""
    differing = [column for column, value in entry.punch.comparison_key.items() if row.comparison_key[column] != value]
    if differing:
        return Outcome(
            Status.CONFLICT, f"id {entry.punch.id} belongs to a punch with another {' and '.join(differing)}"
        )
    is_redelivered = row.mensagem_id == entry.message_id and not entry.is_new_copy
    return _REDELIVERED if is_redelivered else _DUPLICATE


def _document(entries: Sequence[Entry]) -> str:
    rows = [entry.values for entry in entries]
    numbers = [number for row in rows for index in _NUMBERS if (number := row[index])]
    if math.isfinite(sum(numbers)):  # of NaN, orjson would write null
        with suppress(orjson.JSONEncodeError):  # half a surrogate pair, for example
            return orjson.dumps(rows).decode()
    return json.dumps(rows, default=datetime.isoformat)  # PostgreSQL says what is wrong with it


def _outcome_of_error(error: Exception) -> Outcome:
    if not isinstance(error, psycopg2.Error):
        return Outcome(Status.UNEXPECTED, type_and_location(error))
    if not _sqlstate(error).startswith(_REFUSAL_CLASS):
        return _failed(error)  # whose message has names of the schema, but no value
    detail = f"SQLSTATE {error.pgcode}: {_QUOTED.sub('...', error_message(error))}"  # quotes may hold personal data
    return Outcome(Status.REFUSED, _printable(detail))


def _sqlstate(error: Exception) -> str:
    return (isinstance(error, psycopg2.Error) and error.pgcode) or ""


def _failed(error: Exception) -> Outcome:
    if isinstance(error, psycopg2.Error):
        state = f" (SQLSTATE {error.pgcode})" if error.pgcode else ""
        detail = f"{type(error).__name__}{state}: {error_message(error)}"
    elif isinstance(error, CannotConnectError):
        detail = f"cannot connect to the database: {error}"
    else:
        detail = str(error)
    return Outcome(Status.FAILED, _printable(detail))


def _printable(text: str) -> str:
    line = text.partition("\n")[0][:200]
    return "".join(character if " " <= character <= "~" else "?" for character in line)
