"""Storage of punches in PostgreSQL."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg2

from ponto.drain.bisection import process_in_halves
from ponto.punch import EVENT, Punch
from ponto.shared.connection import (
    QUERY_ERRORS,
    TIMEOUTS,
    CannotConnectError,
    Parameters,
    Session,
    Timeouts,
    message_for_log,
)
from ponto.shared.log import type_and_location
from ponto.shared.sql_names import read_sql

_SQL = Path(__file__).parent / "sql"
_SELECT_EXISTING = read_sql(_SQL / "existing.sql")
_RECORD_FAILURES = read_sql(_SQL / "failing.sql")

# SQLSTATE classes of errors that a single entry of a batch can cause: data exception, integrity constraint violation,
# program limit exceeded.
_ENTRY_ERROR_CLASSES = ("22", "23", "54")
# Only a data exception means that no retry can help. Violated constraints and exceeded limits mean that the schema is
# newer than this code or was changed by hand, because a parsed punch satisfies the constraints that this code knows.
_DATA_EXCEPTION_CLASS = "22"

_QUOTED = re.compile(r'["«»„“].*["«»“”]', re.DOTALL)  # quotation marks of all languages of PostgreSQL's messages

_NUMBER_INDEXES = [Punch._fields.index(column) for column, field in EVENT.fields.items() if field.kind.name == "number"]


class ExistingRow(NamedTuple):
    """A row of the query `existing.sql`."""

    id: str
    mensagem_id: str | None  # id of the message from which the row was stored
    comparison_key: Mapping[str, object]  # like `Event.comparison_key`


class Entry(NamedTuple):
    """A punch, and the message in which it was sent first."""

    punch: Punch
    message_id: str
    received_ms: int  # SentTimestamp of the message, in ms since the epoch
    api_key_id: str | None = None  # id of the API key that the punch was sent with
    is_new_copy: bool = False  # first receive of a redriven message, so an existing row is not from this copy

    @property
    def values(self) -> tuple[Any, ...]:
        """Values of the entry, in the order of _VALUE_NAMES."""
        return (*self.punch, self.received_ms, self.message_id, self.api_key_id)


_VALUE_NAMES = (*Punch._fields, "recebida_ms", "mensagem_id", "chave")
"""Names of an entry's values in `store.sql`."""

_INSERT_ENTRIES = read_sql(_SQL / "store.sql").format(**{name: index for index, name in enumerate(_VALUE_NAMES)})


class Status(Enum):
    STORED = auto()
    DUPLICATE = auto()  # the same punch is already stored, from another message or another copy of this one
    REDELIVERED = auto()  # the punch is already stored, from this message
    CONFLICT = auto()  # the id belongs to a different punch
    REFUSED = auto()  # PostgreSQL can never store the punch
    FAILED = auto()  # storing failed, or its result is unknown; retry later
    UNEXPECTED = auto()  # the function's own code failed on the punch


class Outcome(NamedTuple):
    status: Status
    detail: str = ""  # printable ASCII, at most 200 characters; contains no value of the punch except its id


_STORED = Outcome(Status.STORED)
_DUPLICATE = Outcome(Status.DUPLICATE)
_REDELIVERED = Outcome(Status.REDELIVERED)
_ROW_NOT_VISIBLE = Outcome(Status.FAILED, "the id already exists, but its row is not visible")


class QueryFailedError(Exception):
    """A query failed. The error text is like an outcome's detail."""


class Store:
    """The table of punches. For one thread."""

    def __init__(
        self,
        parameters: Callable[[], Parameters],
        timeouts: Timeouts = TIMEOUTS,
        create_session: Callable[[Callable[[], Parameters], Timeouts], Session] = Session,
    ) -> None:
        """Create a store. It connects when it is used.

        Args:
            parameters: see `Session`. If the function raises an exception, the entries have the outcome FAILED.
            timeouts: see `Session`.
            create_session: creates the session that runs the statements.
        """
        self._session = create_session(parameters, timeouts)

    def save(self, entries: Sequence[Entry], deadline: float = math.inf) -> list[Outcome]:
        """Store a batch, normally in one statement.

        Of several entries with the same id, the first valid one is stored, and the others are compared with its row.
        Safe to repeat: entries that are already stored from the same message are REDELIVERED. So are entries of this
        call if the connection breaks before PostgreSQL's response arrives, because the statement is then repeated.

        Args:
            entries: the batch, in the order of receipt.
            deadline: see `Session.execute`.

        Returns:
            The outcome of each entry, in order. Errors of PostgreSQL, the network, `parameters` and this code become
            outcomes; no exception is raised.
        """
        if not entries:
            return []
        outage: Outcome | None = None  # outcome of all remaining entries after an error that no entry caused

        def attempt(part: Sequence[Entry]) -> list[Outcome]:
            nonlocal outage
            if outage is None:
                try:
                    return self._insert(part, deadline)
                except QUERY_ERRORS as error:
                    if _sqlstate(error).startswith(_ENTRY_ERROR_CLASSES):
                        raise
                    outage = self._handle_outage(error)
            return [outage] * len(part)

        return process_in_halves(entries, attempt, Exception, _error_outcome)

    def record_failures(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Record messages on which the function's own code has failed.

        Args:
            message_ids: ids of the messages.
            deadline: see `Session.execute`.

        Returns:
            Seconds since the first failure, by id, of the messages that were recorded before.

        Raises:
            QueryFailedError: the query failed.
        """
        try:
            return dict(self._session.execute(_RECORD_FAILURES, {"ids": list(message_ids)}, deadline))
        except QUERY_ERRORS as error:
            raise QueryFailedError(self._handle_outage(error).detail) from error

    def close(self) -> None:
        """Close the connection, if any. A later `save` opens a new one."""
        self._session.close()

    def _insert(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Insert entries, and compare those whose id already belonged to a row or an earlier entry."""
        rows = self._session.execute(_INSERT_ENTRIES, {"entries": _to_json(entries)}, deadline)
        outcomes = [_STORED] * len(entries)
        if len(rows) == len(entries):
            return outcomes
        new = {punch_id for (punch_id,) in rows}
        existing = []
        for index, entry in enumerate(entries):
            if entry.punch.id in new:
                new.remove(entry.punch.id)
            else:
                existing.append(index)
        compared = self._compare_with_rows([entries[index] for index in existing], deadline)
        for index, outcome in zip(existing, compared, strict=True):
            outcomes[index] = outcome
        return outcomes

    def _compare_with_rows(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        """Compare entries with the existing rows of their ids."""
        ids = [entry.punch.id for entry in entries]
        try:
            rows = self._session.execute(_SELECT_EXISTING, {"ids": ids}, deadline)
        except QUERY_ERRORS as error:
            return [self._handle_outage(error)] * len(entries)
        existing = {row.id: row for row in map(ExistingRow._make, rows)}
        return [
            compare(entry, existing[entry.punch.id]) if entry.punch.id in existing else _ROW_NOT_VISIBLE
            for entry in entries
        ]

    def _handle_outage(self, error: Exception) -> Outcome:
        """Return the outcome for an error that no entry caused. Close the connection, which may be broken."""
        if isinstance(error, psycopg2.Error):
            self._session.close()
        return _failed_outcome(error)


def compare(entry: Entry, row: ExistingRow) -> Outcome:
    """Return the outcome of an entry whose id belongs to an existing row."""
    key = EVENT.comparison_key(entry.punch)
    different_columns = [column for column, value in key.items() if row.comparison_key[column] != value]
    if different_columns:
        return Outcome(
            Status.CONFLICT, f"id {entry.punch.id} belongs to a punch with another {' and '.join(different_columns)}"
        )
    is_redelivered = row.mensagem_id == entry.message_id and not entry.is_new_copy
    return _REDELIVERED if is_redelivered else _DUPLICATE


def _to_json(entries: Sequence[Entry]) -> str:
    rows = [entry.values for entry in entries]
    numbers = [number for row in rows for index in _NUMBER_INDEXES if (number := row[index])]
    if math.isfinite(sum(numbers)):  # orjson would write NaN as null
        with suppress(orjson.JSONEncodeError):  # for example because of a lone surrogate
            return orjson.dumps(rows, default=_encode).decode()
    return json.dumps(rows, default=_encode)  # PostgreSQL's error message describes the problem


def _encode(value: datetime | Decimal) -> str:
    """Return the JSON value of a type that the encoders do not know: orjson lacks decimals, `json` also datetimes."""
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat()


def _error_outcome(error: Exception) -> Outcome:
    if not isinstance(error, psycopg2.Error):
        return Outcome(Status.UNEXPECTED, type_and_location(error))
    if not _sqlstate(error).startswith(_DATA_EXCEPTION_CLASS):
        return _failed_outcome(error)  # safe to log: its message contains names of the schema, but no values
    message = _QUOTED.sub("...", message_for_log(error))  # quotes may contain personal data
    return Outcome(Status.REFUSED, _printable(f"SQLSTATE {error.pgcode}: {message}".removesuffix(": ")))


def _sqlstate(error: Exception) -> str:
    return (isinstance(error, psycopg2.Error) and error.pgcode) or ""


def _failed_outcome(error: Exception) -> Outcome:
    if isinstance(error, psycopg2.Error):
        state = f" (SQLSTATE {error.pgcode})" if error.pgcode else ""
        detail = f"{type(error).__name__}{state}: {message_for_log(error)}".removesuffix(": ")
    elif isinstance(error, CannotConnectError):
        detail = f"cannot connect to the database: {error}"
    else:
        detail = str(error)
    return Outcome(Status.FAILED, _printable(detail))


def _printable(text: str) -> str:
    line = text.partition("\n")[0][:200]
    return "".join(character if " " <= character <= "~" else "?" for character in line)
