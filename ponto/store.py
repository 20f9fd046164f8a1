"""Storing punches in PostgreSQL: a batch in, an outcome for each of its entries out."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg2
import psycopg2.extensions

from ponto.connection import TIMEOUTS, CannotConnectError, Parameters, Timeouts, connect
from ponto.punch import FIELDS, Punch

_SQL = Path(__file__).parent / "sql"
_STORE = (_SQL / "store.sql").read_text(encoding="utf-8")
_EXISTING = (_SQL / "existing.sql").read_text(encoding="utf-8")

_FAILING = (_SQL / "failing.sql").read_text(encoding="utf-8")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# SQLSTATE classes of which one entry of a batch can be the cause: data exception, integrity constraint violation,
# program limit exceeded.
_OF_AN_ENTRY = ("22", "23", "54")
# Only the first is the data's own fault, so that no retry can help. A punch that passed `parse` violates no constraint
# of the schema that this code knows, and exceeds no limit: the schema is newer, or somebody changed it.
_REFUSAL = "22"

_QUOTED = re.compile(r'["«»„“].*["«»“”]', re.DOTALL)  # in any language that PostgreSQL speaks


_numbers = itemgetter(*(Punch._fields.index(column) for column, field in FIELDS.items() if field.type == "number"))


class Entry(NamedTuple):
    """A punch and the message that brought it."""

    punch: Punch
    message_id: str  # of SQS
    received_ms: int  # SQS's SentTimestamp: ms since the epoch, UTC
    api_key_id: str | None = None  # of the API key that it came with


class Status(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"  # the same punch stands already
    CONFLICT = "conflict"  # another punch stands under its id
    REFUSED = "refused"  # PostgreSQL can never store it
    FAILED = "failed"  # not known to be stored: try again later
    UNEXPECTED = "unexpected"  # our own code failed on it: never the outcome of `save`, but of its caller


class Outcome(NamedTuple):
    status: Status
    detail: str = ""  # printable ASCII, at most 200 characters, no value of the punch but its id


_STORED = Outcome(Status.STORED)
_DUPLICATE = Outcome(Status.DUPLICATE)
_NO_TIME = Outcome(Status.FAILED, "no time left")
_UNSEEN = Outcome(Status.FAILED, "its id was taken, but the row that took it cannot be seen")


class NoAnswer(Exception):
    """PostgreSQL did not answer a question."""


class Store:
    """Keeps one connection, opened when first needed. For one thread."""

    def __init__(self, parameters: Callable[[], Parameters], timeouts: Timeouts = TIMEOUTS) -> None:
        """Does not connect.

        Args:
            parameters: gives the keyword arguments of `psycopg2.connect`. Called for the first connection, and
                after one has failed, for the password may have rotated; what it raises is an outcome too.
            timeouts: how long a session may wait.
        """
        self._parameters = parameters
        self._timeouts = timeouts
        self._given: Parameters | None = None  # by parameters
        self._connection: psycopg2.extensions.connection | None = None
        self._kept = False  # the connection is from an earlier save, and may have died since
        self._deadline: float | None = None  # of the call under way

    def save(self, entries: Sequence[Entry], deadline: float | None = None) -> list[Outcome]:
        """Store a batch, normally in one statement.

        Of several entries with one id the first is stored, if it can be, and the others are compared with
        what stands. Safe to repeat: what is stored already is a DUPLICATE. So may be a punch of this very
        call, when the connection broke before PostgreSQL's answer came through.

        Args:
            entries: what to store. The ids are canonical lower-case UUIDs.
            deadline: in seconds on the clock of `time.monotonic()`: past it no further statement is started, and
                no connection is waited for. A statement started just before takes up to 5 s: see `Timeouts`.

        Returns:
            An outcome for each entry, in the order of the entries.

        Raises:
            Nothing for what PostgreSQL, the network or `parameters` did, which is an outcome.
        """
        self._kept = self._connection is not None
        self._deadline = deadline
        outcomes = [_NO_TIME] * len(entries)
        pending: Sequence[int] = range(len(entries))  # places in entries
        while pending:
            first: dict[str, int] = {}  # a statement carries an id once
            for place in pending:
                first.setdefault(entries[place].punch.id, place)
            found = self._insert([entries[place] for place in first.values()], deadline)
            repeats: list[int] = []
            for place in pending:
                punch = entries[place].punch
                is_first = first[punch.id] == place
                there = found.get(punch.id)
                if there is None:  # the first was inserted
                    outcome = _STORED if is_first else _compare(punch, _row(entries[first[punch.id]].punch))
                elif isinstance(there, _Row):
                    outcome = _compare(punch, there)
                elif there.status is Status.REFUSED and not is_first:
                    repeats.append(place)  # nothing stands under its id: its turn
                    continue
                else:
                    outcome = there
                outcomes[place] = outcome
            pending = repeats
        return outcomes

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        """Tell for how long our own code has failed on messages, and remember those that are new.

        Args:
            message_ids: SQS's, of the messages that it fails on now.
            deadline: as in `save`.

        Returns:
            Seconds since the first time, by the ids of those known before.

        Raises:
            NoAnswer: PostgreSQL did not say. The message is as an outcome's detail.
        """
        if _is_past(deadline):
            raise NoAnswer(_NO_TIME.detail)
        self._kept = self._connection is not None
        self._deadline = deadline
        try:
            return dict(self._execute(_FAILING, {"ids": list(message_ids)}))
        except (psycopg2.Error, CannotConnectError) as error:
            self.close()
            raise NoAnswer(_failed(error).detail) from error

    def close(self) -> None:
        """Close the connection if there is one. A later `save` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _insert(self, entries: list[Entry], deadline: float | None) -> dict[str, "_Row | Outcome"]:
        """Insert entries of distinct ids; return what happened to those that were not inserted, by id."""
        found: dict[str, _Row | Outcome] = {}
        taken: list[str] = []
        chunks = [entries]
        try:
            while chunks:
                if _is_past(deadline):
                    return found | _each(chunks, _NO_TIME) | dict.fromkeys(taken, _NO_TIME)
                chunk = chunks[-1]
                try:
                    rows = self._execute(_STORE, {"entries": _document(chunk)})
                except psycopg2.Error as error:
                    if not (error.pgcode or "").startswith(_OF_AN_ENTRY):
                        raise
                    chunks.pop()
                    if len(chunk) == 1:
                        found[chunk[0].punch.id] = _of_an_entry(error)
                    else:  # find the culprit, store its neighbours
                        half = len(chunk) // 2
                        chunks += [chunk[half:], chunk[:half]]
                    continue
                chunks.pop()
                if len(rows) < len(chunk):
                    inserted = {row[0] for row in rows}
                    taken += [entry.punch.id for entry in chunk if entry.punch.id not in inserted]
            if taken:
                if _is_past(deadline):
                    return found | dict.fromkeys(taken, _NO_TIME)
                found |= dict.fromkeys(taken, _UNSEEN)
                for taken_id, usuario_id, instant_us in self._execute(_EXISTING, {"ids": taken}):
                    found[taken_id] = _Row(usuario_id, instant_us)
        except (psycopg2.Error, CannotConnectError) as error:
            # Not the data's fault, so nothing else is tried now, and nothing is presumed of the connection.
            self.close()
            failed = _failed(error)
            return found | _each(chunks, failed) | dict.fromkeys(taken, failed)
        return found

    def _execute(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run a statement; when the kept connection turns out dead, once more on a fresh one."""
        try:
            return self._execute_once(statement, values)
        except psycopg2.Error as error:
            # Without an SQLSTATE it is libpq's own error: after a crash the connection looks open until it is read.
            broken = error.pgcode is None or (self._connection is not None and self._connection.closed != 0)
            dead = self._kept and broken
            self._kept = False
            if not dead:
                raise
        self.close()
        return self._execute_once(statement, values)

    def _execute_once(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall()
        self._kept = False
        return rows

    def _connect(self) -> psycopg2.extensions.connection:
        renew = None if self._given is None else self._ask
        given, wait = self._given or self._ask(), self._timeouts
        if self._deadline is not None:  # a batch in parts may come here more than once
            wait = wait._replace(connect_s=min(wait.connect_s, int(self._deadline - time.monotonic())))
        options = (
            f"-c statement_timeout={wait.statement_ms} -c lock_timeout={wait.lock_ms} "
            f"-c idle_session_timeout={wait.idle_ms} "
            "-c synchronous_commit=on"  # what is answered for as stored is on disk, whatever the server's default
        )
        connection = connect(given, "batidaPonto", wait, options=options, renew=renew)
        connection.autocommit = True  # a statement is a transaction, without the round trips of begin and commit
        return connection

    def _ask(self) -> Parameters:
        try:
            self._given = self._parameters()
        except Exception as error:
            raise CannotConnectError(f"{type(error).__name__}: {error}") from error
        return self._given


class _Row(NamedTuple):
    """What tells whether two punches are the same."""

    usuario_id: int
    instant_us: int  # microseconds since the epoch, UTC


def _row(punch: Punch) -> _Row:
    return _Row(punch.usuario_id, (punch.ponto - _EPOCH) // _MICROSECOND)


def _compare(punch: Punch, there: _Row) -> Outcome:
    differing = [
        column
        for column, ours, theirs in zip(("usuario_id", "ponto"), _row(punch), there, strict=True)
        if ours != theirs
    ]
    if not differing:
        return _DUPLICATE
    return Outcome(Status.CONFLICT, f"id {punch.id} belongs to a punch with another {' and '.join(differing)}")


def _document(entries: list[Entry]) -> str:
    rows = [(*punch, received_ms, message_id, api_key_id) for punch, message_id, received_ms, api_key_id in entries]
    numbers = [number for row in rows for number in _numbers(row) if number]
    if isfinite(sum(numbers)):  # of NaN, orjson would write null
        with suppress(orjson.JSONEncodeError):  # half a surrogate pair, for example
            return orjson.dumps(rows).decode()
    return json.dumps(rows, default=datetime.isoformat)  # PostgreSQL says what is wrong with it


def _each(chunks: list[list[Entry]], outcome: Outcome) -> dict[str, "_Row | Outcome"]:
    return {entry.punch.id: outcome for chunk in chunks for entry in chunk}


def _is_past(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def _of_an_entry(error: psycopg2.Error) -> Outcome:
    if not (error.pgcode or "").startswith(_REFUSAL):
        return _failed(error)  # whose message has names of the schema, but no value
    detail = f"SQLSTATE {error.pgcode}: {_QUOTED.sub('...', _message(error))}"  # quotes may hold personal data
    return Outcome(Status.REFUSED, _printable(detail))


def _failed(error: psycopg2.Error | CannotConnectError) -> Outcome:
    if isinstance(error, CannotConnectError):
        return Outcome(Status.FAILED, _printable(f"cannot connect to the database: {error}"))
    name = type(error).__name__
    state = f" (SQLSTATE {error.pgcode})" if error.pgcode else ""
    return Outcome(Status.FAILED, _printable(f"{name}{state}: {_message(error)}"))


def _message(error: psycopg2.Error) -> str:
    # Never the DETAIL, which quotes rows. An error of libpq's own has a text only.
    return error.diag.message_primary or str(error)


def _printable(text: str) -> str:
    line = text.partition("\n")[0][:200]
    return "".join(character if " " <= character <= "~" else "?" for character in line)
