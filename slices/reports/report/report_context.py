"""Context of a report: its database reader, instant and stage; and the checks before a report is written."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ponto.read.punch_statements import NOW, ZONE
from ponto.read.statements import Query, Statement
from slices.reports.report import period
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.statements import EMPLOYEES, EMPLOYER, PUNCHED, ExistenceRow
from tools.kit import files, reader
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.reader import EmployeeRows, Reader
from tools.kit.target import TargetOptions

EmployeeIds = list[int] | None
"""Employee numbers in ascending order; None: all employees."""

COMMIT_MARGIN = timedelta(minutes=2)
"""Minimum age of a report's instant: all rows written before it are committed, because statements take seconds."""


class _Stage(NamedTuple):
    """Data of the stage from its database."""

    zone: str
    employer: str | None
    now: datetime | None = None  # time of the database; None: not requested


class ReportContext:
    """Context of a report: the reader of its database, its instant, and data of the stage."""

    def __init__(self, source: Reader, as_of: datetime | None = None, since: datetime | None = None) -> None:
        """Store the options; properties read the database on first use.

        Args:
            source: runs the queries; each call of `read` uses one snapshot.
            as_of: instant of the report; without a UTC offset, in the stage's time zone; None: now.
            since: earlier instant to compare with, like `as_of`; None: no comparison.
        """
        self.source = source
        self._as_of = as_of
        self._since = since
        self._is_in_ranges = False

    def read_month(
        self, month: date, employee_ids: EmployeeIds, *statements: Statement[Any], since: datetime | None = None
    ) -> EmployeeRows:
        """Run statements on a month, by ranges of employees if the rows of all exceed one response of the function.

        Args:
            month: its first day.
            employee_ids: the employees to read; None: all who have a time card.
            statements: the statements to run.
            since: value of the parameter `antes` of statements that compare two instants.

        Returns:
            The rows of each statement by range, in the order of `statements`; `shared` has the rows of `PUNCHED`.
        """
        punched = self.punched_query(month, period.last_day_of_month(month), employee_ids)
        values = {"mes": month, "employee_ids": employee_ids, "momento": self.instant}
        if since:
            values["antes"] = since
        queries = [statement.bind(**values) for statement in statements]
        if employee_ids is not None:
            has_punches, *rows = self.source.read(punched, *queries)
            return EmployeeRows([has_punches], iter([rows]), None)
        employee_query = EMPLOYEES.bind(mes=month, momento=self.instant, antes=self.since)
        employee_rows = self.source.read_by_employee(employee_query, [punched], queries)
        self._is_in_ranges = employee_rows.employee_count is not None
        return employee_rows

    def punched_query(self, first: date, last: date, employee_ids: EmployeeIds) -> Query[ExistenceRow]:
        """Return the query whether any of the employees punched on these working days."""
        return PUNCHED.bind(de=first, ate=last, employee_ids=employee_ids, momento=self.instant)

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
        """Instant of the report, in UTC; None: now.

        Raises:
            CommandError: it is less than `COMMIT_MARGIN` ago.
        """
        return self._require_committed(self._as_of)

    @cached_property
    def since(self) -> datetime | None:
        """Instant to compare with, in UTC; None: no comparison.

        Raises:
            CommandError: it is less than `COMMIT_MARGIN` ago, or not before `instant`.
        """
        since = self._require_committed(self._since)
        if since and self.instant and since >= self.instant:
            raise CommandError("--since must be before --as-of")
        return since

    def _require_committed(self, local_time: datetime | None) -> datetime | None:
        if local_time is None:
            return None
        instant = local_time.replace(tzinfo=local_time.tzinfo or self.zone).astimezone(UTC)
        if self._stage.now is None or instant > self._stage.now - COMMIT_MARGIN:
            raise CommandError(
                f"{local_time.isoformat(timespec='minutes')} is less than two minutes ago: wait, because "
                "punches of that time may not be stored yet"
            )
        return instant

    @property
    def employer(self) -> str:
        """The employer of the stage, with its CNPJ or CPF; empty: not configured."""
        return self._stage.employer or ""

    @cached_property
    def now(self) -> datetime:
        """Time at which the report is generated, in the stage's time zone."""
        return period.now(self.zone)

    def format_generated(self, language: Language) -> str:
        """Format the time of generation, with a note if the ranges were read at different instants."""
        text = language.format_generated(self.now)
        return f"{text} {language.word('report', 'ranges')}" if self._is_in_ranges else text

    def format_as_of(self, language: Language) -> str:
        """Format the instant of the report; empty if it is now."""
        if self.instant is None:
            return ""
        return language.word("report", "as_of", language.date_time(self.instant.astimezone(self.zone)), self.zone.key)

    @property
    def generated_at(self) -> str:
        """`now` in ISO 8601, to the second, with the UTC offset."""
        return self.now.isoformat(timespec="seconds")


def require_punches(punched: Iterable[ExistenceRow], first: date, last: date, employee_ids: EmployeeIds) -> None:
    """Require a punch on the working days of a report.

    Args:
        punched: the rows of `PUNCHED`.
        first: first working day.
        last: last working day.
        employee_ids: the employees of the report.

    Raises:
        CommandError: there is no punch.
    """
    if not _exists(punched):
        raise CommandError(f"{_describe_absence(employee_ids)} punched from {first} to {last}", 1)


def require_received(received: Iterable[ExistenceRow], first: date, last: date) -> None:
    """Require a punch that was received on the days of a report.

    Args:
        received: the rows of `RECEIVED`.
        first: first day.
        last: last day.

    Raises:
        CommandError: no punch was received.
    """
    if not _exists(received):
        raise CommandError(f"no punch was received from {first} to {last}", 1)


def check_employees(
    month: date, employee_ids: EmployeeIds, known_ids: Iterable[int], has_punches: Iterable[ExistenceRow]
) -> int:
    """Check that the employees of a report are known, and warn if none of them punched in the month.

    Args:
        month: its first day.
        employee_ids: the employees of the report; None: all.
        known_ids: numbers of the employees who have punches or are in `funcionario`.
        has_punches: the rows of `PUNCHED`.

    Returns:
        The exit status: 1 if known employees have no punches, 0 otherwise.

    Raises:
        CommandError: an employee is unknown, or all employees were requested and there are no punches.
    """
    for employee_id in sorted(set(employee_ids or []) - set(known_ids)):
        raise CommandError(
            f"employee {employee_id} has no punches in {month:%Y-%m}, and was not loaded by ponto load employees", 1
        )
    if _exists(has_punches):
        return 0
    message = f"{_describe_absence(employee_ids)} punched in {month:%Y-%m}"
    if employee_ids is None:
        raise CommandError(message, 1)
    print_status(f"ponto: {message}")
    return 1


def create_context(
    target_options: TargetOptions, output: Output, as_of: datetime | None = None, since: datetime | None = None
) -> ReportContext:
    """Create the context of a report, after a check that its output file is writable."""
    if output.file:
        files.require_writable(output.file, force=output.force)
    return ReportContext(reader.create_reader(target_options), as_of, since)


def _exists(rows: Iterable[ExistenceRow]) -> bool:
    (row,) = rows
    return row.existe


def _describe_absence(employee_ids: EmployeeIds) -> str:
    return "none of these employees" if employee_ids else "no employee"
