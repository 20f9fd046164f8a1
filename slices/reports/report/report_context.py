"""Queries of the reports, all on one snapshot, and the preconditions without which no report is made."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection

from slices.reports.report import period
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.rows import EMPLOYEES, EMPLOYER, PUNCHED, ExistenceRow
from tools.kit import files, reader
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.reader import Query, Ranges, Reader, Statement, TargetOptions
from tools.kit.rows import NOW, ZONE

Employees = list[int] | None
"""Numbers of employees, in order; None: everybody."""


COMMIT_MARGIN = timedelta(minutes=2)
"""Age of an instant before which all rows are committed; a statement of the drain takes seconds."""


class _Stage(NamedTuple):
    """The stage, as its database knows it."""

    zone: str
    employer: str | None
    now: datetime | None = None  # None: not asked for


class ReportContext:
    """What a report reads, and the instant and the stage that it is of."""

    def __init__(self, source: Reader, as_of: datetime | None = None, since: datetime | None = None) -> None:
        """Read nothing yet.

        Args:
            source: runs the queries; a `read` is on one snapshot.
            as_of: of which instant the reports are; without an offset, of the stage's zone; None: of now.
            since: an earlier instant, with which they compare.
        """
        self.source = source
        self._as_of = as_of
        self._since = since
        self._is_in_ranges = False

    def read_month(
        self, month: date, employees: Employees, *statements: Statement[Any], since: datetime | None = None
    ) -> Ranges:
        """Read a month by these statements; of everybody, by ranges of employees where it does not fit into one answer.

        Args:
            month: its first day.
            employees: of these; None: of everybody who has a time card.
            statements: in whose order are the rows of each range. `once` has those of `PUNCHED`.
            since: the earlier instant of statements that compare.
        """
        punched = self.punched_query(month, period.last_day_of_month(month), employees)
        values = {"mes": month, "usuarios": employees, "momento": self.instant} | ({"antes": since} if since else {})
        each = [statement.bind(**values) for statement in statements]
        if employees is not None:
            has_punches, *rows = self.source.read(punched, *each)
            return Ranges([has_punches], iter([rows]), None)
        of_all = EMPLOYEES.bind(mes=month, momento=self.instant, antes=self.since)
        ranges = self.source.in_ranges(of_all, [punched], each)
        self._is_in_ranges = ranges.employees is not None
        return ranges

    def punched_query(self, first: date, last: date, employees: Employees) -> Query[ExistenceRow]:
        """Return the query whether anybody punched in some working days."""
        return PUNCHED.bind(de=first, ate=last, usuarios=employees, momento=self.instant)

    @cached_property
    def _stage(self) -> _Stage:
        statements: list[Query[Any]] = [ZONE.bind(), EMPLOYER.bind()]
        if self._as_of or self._since:
            statements.append(NOW.bind())
        (zone,), (employer,), *now = self.source.read(*statements)
        return _Stage(zone.name, employer.identificacao, *(row.now for (row,) in now))

    @cached_property
    def zone(self) -> ZoneInfo:
        """The stage's time zone."""
        return ZoneInfo(self._stage.zone)

    @cached_property
    def instant(self) -> datetime | None:
        """Instant of which the reports are, in UTC; None: of now.

        Raises:
            CommandError: what was written by then may still be on its way to the table.
        """
        return self._require_committed(self._as_of)

    @cached_property
    def since(self) -> datetime | None:
        """Instant with which they compare, in UTC.

        Raises:
            CommandError: as of `instant`; or it is not before that.
        """
        since = self._require_committed(self._since)
        if since and self.instant and since >= self.instant:
            raise CommandError("--since must be before --as-of")
        return since

    def _require_committed(self, local_time: datetime | None) -> datetime | None:
        if local_time is None:
            return None
        instant = period.make_aware(local_time, self.zone).astimezone(UTC)
        if self._stage.now is None or instant > self._stage.now - COMMIT_MARGIN:
            raise CommandError(
                f"{local_time.isoformat(timespec='minutes')} is less than two minutes ago: wait, because "
                "punches of that time may not be stored yet"
            )
        return instant

    @property
    def employer(self) -> str:
        """Who employs, as the stage names it: name and document; empty: it names nobody."""
        return self._stage.employer or ""

    @cached_property
    def now(self) -> datetime:
        """When the report is made, in the stage's zone."""
        return period.now(self.zone)

    def generated(self, language: Language) -> str:
        """Format when the report is generated, and whether all of it is of one instant."""
        text = language.generated(self.now)
        return f"{text} {language.word('report', 'ranges')}" if self._is_in_ranges else text

    def as_of(self, language: Language) -> str:
        """Format the instant of which the report is; empty: now."""
        if self.instant is None:
            return ""
        return language.word("report", "as_of", language.date_time(self.instant.astimezone(self.zone)), self.zone.key)

    @property
    def generated_at(self) -> str:
        """`now` for programs: ISO 8601, to the second, with the offset."""
        return self.now.isoformat(timespec="seconds")


def require_punches(punched: Iterable[ExistenceRow], first: date, last: date, employees: Employees) -> None:
    """Refuse a report on working days on which nobody punched, by the rows of `punched`, before its file is begun.

    Raises:
        CommandError: there is no punch.
    """
    if not _exists(punched):
        raise CommandError(f"{_no_employee(employees)} punched from {first} to {last}", 1)


def require_received(received: Iterable[ExistenceRow], first: date | None, last: date | None) -> None:
    """Refuse a report on days on which nothing was received, by the rows of `received`, before its file is begun.

    Raises:
        CommandError: there is no punch.
    """
    if not _exists(received):
        raise CommandError(f"nothing was received from {first} to {last}" if first else "nothing was ever received", 1)


def require_known_employees(
    month: date, employees: Employees, known_ids: Iterable[int], has_punches: Iterable[ExistenceRow]
) -> int:
    """Refuse a report on a month in which nobody punched, or on somebody unknown, before its file is begun.

    Args:
        month: its first day.
        employees: who were asked for; None: everybody.
        known: the numbers of those of them of whom there is something.
        has_punches: the rows of `punched`.

    Returns:
        The exit status: 1 where they are loaded and have no punches, which is printed.

    Raises:
        CommandError: there is nothing.
    """
    for employee in sorted(set(employees or []) - set(known_ids)):
        raise CommandError(
            f"employee {employee} has no punches in {month:%Y-%m}, and is not among the loaded employees", 1
        )
    if _exists(has_punches):
        return 0
    message = f"{_no_employee(employees)} punched in {month:%Y-%m}"
    if employees is None:
        raise CommandError(message, 1)
    print_status(f"ponto: {message}")
    return 1


@contextmanager
def open_context(
    target_options: TargetOptions, output: Output, as_of: datetime | None = None, since: datetime | None = None
) -> Iterator[ReportContext]:
    """Open the reports of a database, once their file is known to be writable."""
    if output.file:
        files.require_writable(output.file, force=output.force)
    with reader.open_reader(target_options, earlier=as_of is not None or since is not None) as source:
        yield ReportContext(source, as_of, since)


@contextmanager
def open_connection_context(database: connection) -> Iterator[ReportContext]:
    """Open the reports of a connection that is outside of any transaction; see `reader.open_direct_reader`."""
    with reader.open_direct_reader(database) as source:
        yield ReportContext(source)


def _exists(rows: Iterable[ExistenceRow]) -> bool:
    (row,) = rows
    return row.existe


def _no_employee(employees: Employees) -> str:
    return "none of the employees asked for" if employees else "nobody"
