"""How the reports read: the views and functions of the schema, streamed, all of one moment."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, connection

from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.report import period

_SQL = {path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "sql").glob("*.sql")}
_AT_ONCE = 2_000  # rows that the server sends at a time

Employees = list[int] | None
"""Numbers of employees, in order; None: everybody."""


class Reports:
    """A database as it is at one moment, whatever is written meanwhile; see `opened`."""

    def __init__(self, database: connection) -> None:
        """Takes a connection in the transaction that `opened` has begun."""
        self._database = database

    def rows(self, query: str, **values: object) -> Iterator[tuple[Any, ...]]:
        """Run a query of `sql/`, by its name; the rows stay on the server until they are needed."""
        with self._database.cursor(name=f"ponto_{query}") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(_SQL[query], values)
            yield from cursor

    @cached_property
    def zone(self) -> ZoneInfo:
        """The stage's time zone."""
        ((name,),) = self.rows("zone")
        return ZoneInfo(name)

    @cached_property
    def now(self) -> datetime:
        """When the report is made, in the stage's zone."""
        return period.now(self.zone)

    @property
    def made(self) -> str:
        """The same for programs: ISO 8601, to the second, with the offset."""
        return self.now.isoformat(timespec="seconds")

    def require_punches(self, first: date, last: date, employees: Employees) -> None:
        """Refuse a report on working days on which nobody punched, before its file is begun.

        Raises:
            CommandError: there is no punch.
        """
        if not self._has_punches(first, last, employees):
            raise CommandError(f"{_name(employees)} punched from {first} to {last}", 1)

    def require_known(self, month: date, employees: Employees, found: Iterable[int]) -> int:
        """Refuse a report on a month in which nobody punched, or on somebody unknown, before its file is begun.

        Args:
            month: its first day.
            employees: who were asked for; None: everybody.
            found: the numbers of those of them of whom there is something.

        Returns:
            The exit status: 1 where they are loaded and have no punches, which is printed.

        Raises:
            CommandError: there is nothing.
        """
        for employee in sorted(set(employees or []) - set(found)):
            raise CommandError(
                f"employee {employee} has no punches in {month:%Y-%m}, and is not among the loaded employees", 1
            )
        if self._has_punches(month, period.last_of(month), employees):
            return 0
        message = f"{_name(employees)} punched in {month:%Y-%m}"
        if employees is None:
            raise CommandError(message, 1)
        print_status(f"ponto: {message}")
        return 1

    def _has_punches(self, first: date, last: date, employees: Employees) -> bool:
        ((found,),) = self.rows("punched", de=first, ate=last, usuarios=employees)
        return bool(found)


@contextmanager
def opened(database: connection) -> Iterator[Reports]:
    """Begin to read: all that is read until the end is of the same moment.

    Args:
        database: outside of any transaction.
    """
    database.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    with database.cursor() as cursor:
        cursor.execute(_SQL["begin"])
    try:
        yield Reports(database)
    finally:
        database.rollback()


def _name(employees: Employees) -> str:
    return "none of the employees asked for" if employees else "nobody"
