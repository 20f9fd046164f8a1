"""Storage of the made-up company in one transaction, and the checks before it."""

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
from slices.reports.demo.company import BatidaColumns, Company, DemoPunch
from slices.reports.slice import ReportsExtension
from tools.kit.console import progress
from tools.kit.database import TargetDatabase
from tools.kit.errors import CommandError

# The trigger sets zona_mudou_em to now, but the employees of the demo had their zones and cut-offs from the start.
_CLEAR_ZONE_CHANGES = "update ponto.funcionario set zona_mudou_em = null where usuario_id between %s and %s"
_COLUMNS = [column.name for column in fields(BatidaColumns)]
# Rows have the format of _format_row; other columns are null.
_COPY = f"copy ponto.batida ({', '.join(_COLUMNS)}) from stdin"
_get_values = attrgetter(*_COLUMNS)
_INSTANTS = {"ponto", "enviado", "recebida_em", "gravada_em"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ_BYTES = 256 * 1024  # psycopg2 reads this many at a time


def require_confirmation(destination: TargetDatabase, yes_into: str | None) -> None:
    """Require --yes-into HOST/DBNAME with the name of a database that is not the local stack's.

    Raises:
        CommandError: --yes-into is missing, names another database, or is not needed.
    """
    if destination.is_local:
        if yes_into is not None:
            raise CommandError("--yes-into needs --database env, which was not given")
        return
    if yes_into is None:
        raise CommandError(
            f"DB_HOST names {destination.name}, from which demo punches can never be removed; "
            f"if it is a test database, confirm it with --yes-into {destination.name}"
        )
    if yes_into != destination.name:
        raise CommandError(f"--yes-into {yes_into} is not the database of DB_HOST and DB_NAME: {destination.name}")


def store(
    connection: psycopg2.extensions.connection, company: Company, first: date, last: date, *, must_be_empty: bool
) -> None:
    """Store the employees and their punches from the first day to the last, in one transaction.

    Args:
        connection: a connection outside of any transaction.
        company: a new company.
        first: first day of the punches.
        last: last day of the punches.
        must_be_empty: refuse a database that has punches.

    Raises:
        CommandError: the employee numbers are in use, or the database has punches; nothing was stored.
    """
    with connection.cursor() as cursor:
        # One transaction, because rows of batida cannot be removed and half a company would remain.
        employees.lock_table(cursor)
        require_no_conflicts(cursor, company.employee_ids, must_be_empty=must_be_empty)
        employees.store(cursor, [employee._asdict() for employee in company.employees()], dry_run=False)
        cursor.execute(_CLEAR_ZONE_CHANGES, company.employee_ids)
        chunks = _show_progress(company.rows(first, last), (last - first).days + 1)
        _copy(cursor, ("".join(map(_format_row, rows)).encode() for rows in chunks))
    connection.commit()


def analyze(connection: psycopg2.extensions.connection) -> None:
    """Update the statistics of the planner. Sets the connection to autocommit, which `vacuum` needs."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum (analyze) ponto.batida, ponto.funcionario")


def correct(connection: psycopg2.extensions.connection, company: Company, last: date) -> int:
    """Run the hooks `correct_demo` of other slices; return the number of days that they corrected."""
    with connection.cursor() as cursor:
        extensions = [slice_ for slice_ in enabled.load().values() if isinstance(slice_, ReportsExtension)]
        return sum(extension.correct_demo(cursor, company.employee_ids, last) for extension in extensions)


def require_no_conflicts(
    cursor: psycopg2.extensions.cursor, employee_ids: tuple[int, int], *, must_be_empty: bool
) -> None:
    """Require that the employee numbers are not in use and, if `must_be_empty`, that there are no punches at all.

    Raises:
        CommandError: there are such rows.
    """
    for query, message in (
        ("select exists (select from ponto.batida where usuario_id between %s and %s)", "batida has punches of"),
        ("select exists (select from ponto.funcionario where usuario_id between %s and %s)", "funcionario has"),
    ):
        cursor.execute(query, employee_ids)
        if cursor.fetchone() == (True,):
            raise CommandError(
                f"{message} employees {employee_ids[0]} to {employee_ids[1]} already, perhaps of an earlier demo; "
                "nothing was stored. To start again locally, run make clean"
            )
    if must_be_empty:
        cursor.execute("select exists (select from ponto.batida)")
        if cursor.fetchone() == (True,):
            raise CommandError("batida has punches already; choose a database without punches. Nothing was stored")


def _format_row(row: DemoPunch) -> str:
    """Format a row as a line in the text format of COPY."""
    values = []
    for name, value in zip(_COLUMNS, _get_values(row), strict=True):
        if value is None:
            values.append("\\N")
        elif name in _INSTANTS:
            values.append((_EPOCH + timedelta(microseconds=value)).isoformat())
        else:
            values.append(str(value))
    return "\t".join(values) + "\n"


def _copy(cursor: psycopg2.extensions.cursor, chunks: Iterator[bytes]) -> None:
    stream = _Stream(chunks)
    try:
        cursor.copy_expert(_COPY, io.BufferedReader(stream, _READ_BYTES), size=_READ_BYTES)
    except psycopg2.errors.QueryCanceled:
        if stream.error is not None:  # psycopg2 replaces any error of read(), Ctrl-C included
            raise stream.error from None
        raise


class _Stream(io.RawIOBase):
    """A readable file whose content is generated while it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.error: BaseException | None = None  # raised by `chunks`
        self._chunks = chunks
        self._remainder = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._remainder:
                self._remainder = memoryview(next(self._chunks))
        except StopIteration:
            return 0
        except BaseException as error:
            self.error = error
            raise
        size = min(len(buffer), len(self._remainder))
        buffer[:size] = self._remainder[:size]
        self._remainder = self._remainder[size:]
        return size


def _show_progress(chunks: Iterable[list[DemoPunch]], days: int) -> Iterator[list[DemoPunch]]:
    """Yield the rows of each day, and show the progress on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[rows]:,} punches, {task.fields[speed]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with progress(*columns) as display:
        bar = display.add_task("storing", total=days, rows=0, speed=0)
        rows = 0
        for chunk in chunks:
            yield chunk
            rows += len(chunk)
            display.update(bar, advance=1, rows=rows, speed=rows / (time.monotonic() - started))
