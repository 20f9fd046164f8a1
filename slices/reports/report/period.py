"""Days and instants of a report, as its options name them or leave them out."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ponto.reader.statements import MAX_RANGE
from tools.kit.errors import CommandError

DEFAULT_DAYS = 30
"""Number of days by default."""

_MAX_PEAK = timedelta(days=31)  # a row a minute is held


def now(zone: ZoneInfo) -> datetime:
    """Return the present in the stage's zone."""
    return datetime.now(UTC).astimezone(zone)


def last_day_of_month(month: date) -> date:
    """Return the last day of a day's month."""
    return month.replace(day=monthrange(month.year, month.month)[1])


class Days(NamedTuple):
    """The working days that the options name, or the days of receipt."""

    month: date | None  # its first day; None: the others say it
    first: date | None  # None: DEFAULT_DAYS until the last
    last: date | None  # None: yesterday, for today's punches have no end yet

    def bounds(self, today: date) -> tuple[date, date]:
        """Return the first and the last; `today` is the stage's.

        Raises:
            CommandError: the first is after the last, or more than a year before it.
        """
        if self.month:
            return self.month, last_day_of_month(self.month)
        last = self.last or today - timedelta(days=1)
        first = self.first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise CommandError(f"--from {first} is after --to {last}")
        if last - first > MAX_RANGE:
            raise CommandError(f"--from {first} and --to {last} lie more than a year apart; ask for a year at a time")
        return first, last


def peak_bounds(
    day: date | None, start: datetime | None, end: datetime | None, present: datetime
) -> tuple[datetime, datetime]:
    """Return the first and the last instant of a peak, in UTC.

    Args:
        day: of the stage's zone; None: today, where `start` is None.
        start: --from, instead of a day; without an offset, the stage's time.
        end: --to.
        present: now, in the stage's zone.

    Raises:
        CommandError: one of --from and --to is missing, or they are no peak.
    """
    if (start is None) != (end is None):
        raise CommandError("give --from and --to together, or --day")
    if start is None or end is None:
        day = day or present.date()
        start = datetime.combine(day, datetime.min.time(), present.tzinfo)
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), present.tzinfo)
    start, end = (make_aware(instant, present.tzinfo).astimezone(UTC) for instant in (start, end))
    if not start < end <= start + _MAX_PEAK:
        raise CommandError(f"a peak ends after it begins, and lasts at most {_MAX_PEAK.days} days")
    return start, end


def make_aware(instant: datetime, zone: tzinfo | None) -> datetime:
    """Return an instant: a time without an offset is of the zone."""
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)
