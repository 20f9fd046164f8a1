"""What the reports read, all of one moment, and what they refuse to be made of."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection

from tools.kit import reader
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.reader import Ranges, Reader, Rows, Values
from tools.report import period
from tools.report.i18n import Language

Employees = list[int] | None
"""Numbers of employees, in order; None: everybody."""


class Reports:
    """What a report reads: the statements of `ponto.reports`, by name."""

    def __init__(self, source: Reader) -> None:
        """Takes what runs them."""
        self._source = source
        self._is_in_ranges = False

    def read(self, **asked: Values) -> list[Rows]:
        """Run statements with their values, all of one moment; give the rows of each, which are read once."""
        return self._source.read(**asked)

    def of_month(self, month: date, employees: Employees, *names: str) -> Ranges:
        """Read a month by these statements; of everybody, by ranges of employees where it does not fit into one answer.

        Args:
            month: its first day.
            employees: of these; None: of everybody who has a time card.
            names: of the statements, in whose order are the rows of each range. `once` has those of `punched`.
        """
        once = {"punched": punched(month, period.last_of(month), employees)}
        each: dict[str, Values] = {name: {"mes": month, "usuarios": employees} for name in names}
        if employees is not None:
            has_punches, *rows = self.read(**once, **each)
            return Ranges([has_punches], iter([rows]), None)
        found = self._source.in_ranges({"employees": {"mes": month}}, once, each)
        self._is_in_ranges = found.employees is not None
        return found

    @cached_property
    def zone(self) -> ZoneInfo:
        """The stage's time zone."""
        (((name,),),) = self.read(zone={})
        return ZoneInfo(name)

    @cached_property
    def now(self) -> datetime:
        """When the report is made, in the stage's zone."""
        return period.now(self.zone)

    def generated(self, language: Language) -> str:
        """Say when it is made, and whether all of it is of one moment."""
        text = language.generated(self.now)
        return f"{text} {language.word('report', 'ranges')}" if self._is_in_ranges else text

    @property
    def made(self) -> str:
        """The same for programs: ISO 8601, to the second, with the offset."""
        return self.now.isoformat(timespec="seconds")


def punched(first: date, last: date, employees: Employees) -> Values:
    """Give the values of the statement that says whether anybody punched in some working days."""
    return {"de": first, "ate": last, "usuarios": employees}


def require_punches(found: Rows, first: date, last: date, employees: Employees) -> None:
    """Refuse a report on working days on which nobody punched, before its file is begun.

    Args:
        found: the rows of `punched`.
        first: of the days.
        last: of them.
        employees: who were asked for.

    Raises:
        CommandError: there is no punch.
    """
    if not _is_true(found):
        raise CommandError(f"{_name(employees)} punched from {first} to {last}", 1)


def require_known(month: date, employees: Employees, found: Iterable[int], has_punches: Rows) -> int:
    """Refuse a report on a month in which nobody punched, or on somebody unknown, before its file is begun.

    Args:
        month: its first day.
        employees: who were asked for; None: everybody.
        found: the numbers of those of them of whom there is something.
        has_punches: the rows of `punched`.

    Returns:
        The exit status: 1 where they are loaded and have no punches, which is printed.

    Raises:
        CommandError: there is nothing.
    """
    for employee in sorted(set(employees or []) - set(found)):
        raise CommandError(
            f"employee {employee} has no punches in {month:%Y-%m}, and is not among the loaded employees", 1
        )
    if _is_true(has_punches):
        return 0
    message = f"{_name(employees)} punched in {month:%Y-%m}"
    if employees is None:
        raise CommandError(message, 1)
    print_status(f"ponto: {message}")
    return 1


@contextmanager
def opened(database: connection) -> Iterator[Reports]:
    """Begin to read on a connection, outside of any transaction; see `reader.direct`."""
    with reader.direct(database) as source:
        yield Reports(source)


def _is_true(rows: Rows) -> bool:
    ((found,),) = rows
    return bool(found)


def _name(employees: Employees) -> str:
    return "none of the employees asked for" if employees else "nobody"
