"""Days and instants of a report, from its options and their defaults."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ponto.read.statements import MAX_RANGE
from tools.kit.errors import CommandError

DEFAULT_DAYS = 30
"""Number of days of a report without --from."""


def now(zone: ZoneInfo) -> datetime:
    """Return the current time in the stage's time zone."""
    return datetime.now(UTC).astimezone(zone)


def last_day_of_month(month: date) -> date:
    """Return the last day of the month of a date."""
    return month.replace(day=monthrange(month.year, month.month)[1])


class Days(NamedTuple):
    """Values of the options of a report's days."""

    month: date | None  # its first day; None: `first` and `last` apply
    first: date | None  # None: DEFAULT_DAYS up to `last`
    last: date | None  # None: yesterday

    def bounds(self, today: date) -> tuple[date, date]:
        """Return the first and the last day of the report.

        Args:
            today: the current date in the stage's time zone.

        Raises:
            CommandError: the first day is after the last, or more than a year before it.
        """
        if self.month:
            return self.month, last_day_of_month(self.month)
        last = self.last or today - timedelta(days=1)
        first = self.first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise CommandError(f"--from {first} is after --to {last}")
        if last - first > MAX_RANGE:
            raise CommandError(
                f"--from {first} and --to {last} are more than a year apart; request at most a year at a time"
            )
        return first, last
