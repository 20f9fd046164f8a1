"""How a made-up company comes into a database: where it may, whole or not at all."""

import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any

import psycopg2.errors
import psycopg2.extensions
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from slices import enabled
from slices.reports import employees
from slices.reports.demo.company import Columns, Company, Row
from slices.reports.slice import ReportsExtension
from tools.kit.console import progress
from tools.kit.database import TargetDatabase
from tools.kit.errors import CommandError

# A past that is made up, as that of the punches: the employees had their zones and cut-offs all the time.
_HAD_THEM = "update ponto.funcionario set zona_mudou_em = null where usuario_id between %s and %s"
_COLUMNS = [column.name for column in fields(Columns)]
_COPY = f"copy ponto.batida ({', '.join(_COLUMNS)}) from stdin"  # as _line writes; others are null
_values_of = attrgetter(*_COLUMNS)
_INSTANTS = {"ponto", "enviado", "recebida_em", "gravada_em"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = 256 * 1024  # bytes that psycopg2 asks for at a time


def require_meant(into: TargetDatabase, yes_into: str | None) -> None:
    """Let no made-up punch into a deployment's database that the user has not named again, as HOST/DBNAME.

    Raises:
        CommandError: it is not the local stack's, and not the one named.
    """
    if into.is_local:
        if yes_into is not None:
            raise CommandError("--yes-into is for --database env, which was not given")
        return
    if yes_into is None:
        raise CommandError(
            f"DB_HOST names {into.name}, where made-up punches would stay for ever; if it is for trying things out, "
            f"confirm it: --yes-into {into.name}"
        )
    if yes_into != into.name:
        raise CommandError(f"--yes-into {yes_into} is not where DB_HOST and DB_NAME lead: {into.name}")


def store(
    connection: psycopg2.extensions.connection, company: Company, first: date, last: date, *, alone: bool
) -> None:
    """Store the employees, and their punches from the first day to the last.

    Args:
        connection: to the database, outside of any transaction.
        company: none of whose rows were drawn yet.
        first: day of the punches.
        last: day of the punches.
        alone: refuse where there are other punches.

    Raises:
        CommandError: the company's numbers are taken, or others have punches; nothing was stored.
    """
    with connection.cursor() as cursor:
        # One transaction: rows cannot be removed, so half a company would be there for ever.
        employees.lock(cursor)
        require_room(cursor, company.numbers, alone=alone)
        employees.store(cursor, [employee._asdict() for employee in company.employees()], dry_run=False)
        cursor.execute(_HAD_THEM, company.numbers)
        chunks = _watched(company.rows(first, last), (last - first).days + 1)
        _copy(cursor, ("".join(map(_line, rows)).encode() for rows in chunks))
    connection.commit()


def analyze(connection: psycopg2.extensions.connection) -> None:
    """Gather the statistics by which PostgreSQL plans; the connection is outside of transactions from then on."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum (analyze) ponto.batida, ponto.funcionario")


def correct(connection: psycopg2.extensions.connection, company: Company, last: date) -> int:
    """Have slices correct days of the month that ends on a day; give how many they have corrected."""
    with connection.cursor() as cursor:
        extensions = [each for each in enabled.load().values() if isinstance(each, ReportsExtension)]
        return sum(each.correct_demo(cursor, company.numbers, last) for each in extensions)


def require_room(cursor: psycopg2.extensions.cursor, numbers: tuple[int, int], *, alone: bool) -> None:
    """Refuse where the company's numbers are taken, or, if it is to be alone, where there is any punch.

    Raises:
        CommandError: it is so.
    """
    for taken, what in (
        ("select exists (select from ponto.batida where usuario_id between %s and %s)", "batida has punches of"),
        ("select exists (select from ponto.funcionario where usuario_id between %s and %s)", "funcionario has"),
    ):
        cursor.execute(taken, numbers)
        if cursor.fetchone() == (True,):
            raise CommandError(
                f"{what} employees {numbers[0]} to {numbers[1]} already, maybe of an earlier demo; nothing was stored. "
                "Locally, make clean begins anew"
            )
    if alone:
        cursor.execute("select exists (select from ponto.batida)")
        if cursor.fetchone() == (True,):
            raise CommandError("batida has punches already, so this is no database for a demo; nothing was stored")


def _line(row: Row) -> str:
    """Write a row as COPY reads it."""
    values = []
    for name, value in zip(_COLUMNS, _values_of(row), strict=True):
        if value is None:
            values.append("\\N")
        elif name in _INSTANTS:
            values.append((_EPOCH + timedelta(microseconds=value)).isoformat())
        else:
            values.append(str(value))
    return "\t".join(values) + "\n"


def _copy(cursor: psycopg2.extensions.cursor, parts: Iterator[bytes]) -> None:
    stream = _Stream(parts)
    try:
        cursor.copy_expert(_COPY, io.BufferedReader(stream, _READ), size=_READ)
    except psycopg2.errors.QueryCanceled:
        if stream.error is not None:  # psycopg2 makes this of whatever happens in the reading, Ctrl-C included
            raise stream.error from None
        raise


class _Stream(io.RawIOBase):
    """A file of parts that are made as they are read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.error: BaseException | None = None  # that ended the reading
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._parts))
        except StopIteration:
            return 0
        except BaseException as error:
            self.error = error
            raise
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _watched(chunks: Iterable[list[Row]], days: int) -> Iterator[list[Row]]:
    """Pass days on, showing how far it is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[rows]:,} punches, {task.fields[speed]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with progress(*columns) as shown:
        bar = shown.add_task("storing", total=days, rows=0, speed=0)
        rows = 0
        for chunk in chunks:
            yield chunk
            rows += len(chunk)
            shown.update(bar, advance=1, rows=rows, speed=rows / (time.monotonic() - started))
