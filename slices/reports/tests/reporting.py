"""Helpers of the reports' tests: a database with punches, and a model of working days in Python."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import tests.database
from tests.database import cloned

SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # the stage's time zone
NEW_YORK = ZoneInfo("America/New_York")
NUUK = ZoneInfo("America/Nuuk")
APIA = ZoneInfo("Pacific/Apia")
RESERVED_EMPLOYEE_ID = 2**53 - 1  # employee of the smoke tests' punches
NOON_CUTOFF = time(12)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


Row = tuple[Any, ...]
EmployeePunches = tuple[ZoneInfo, time | None, list[datetime]]  # zone, cut-off, punches


class ReportDatabase(tests.database.Database):
    """A migrated database, in a session with a time zone that no employee has."""

    def __init__(self, url: str, time_zone: str = "Asia/Kathmandu") -> None:
        super().__init__(url)
        self.execute("select set_config('timezone', %s, false)", time_zone)
        self.zones: dict[int, ZoneInfo] = {}  # of the rows of funcionario

    def read(self, report: str, columns: str = "*") -> list[Row]:
        """Return the rows of a view, table or function call."""
        return self.execute(f"select {columns} from {report}")

    def explain(self, report: str) -> str:
        return "\n".join(line for (line,) in self.execute("explain select * from " + report))

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Roll the transaction back at the end."""
        self.execute("begin")
        try:
            yield
        finally:
            self.execute("rollback")

    def employ(self, employee_id: int, zone: ZoneInfo | None = None, cutoff: time | None = None) -> None:
        self.zones[employee_id] = zone or SAO_PAULO
        self.execute(
            "insert into ponto.funcionario (usuario_id, nome, fuso, corte) values (%s, %s, %s, %s)",
            employee_id,
            f"Employee {employee_id}",
            zone and zone.key,
            cutoff,
        )

    def punch(
        self,
        employee_id: int,
        times: str,
        *,
        received: timedelta | None = SECOND,
        written: timedelta = SECOND,
        sent: timedelta | None = None,
        device: str | None = None,
    ) -> list[str]:
        """Store punches in the given order; return their ids.

        Args:
            employee_id: the employee's number.
            times: local times of the employee; see `parse_instants`.
            received: time from the punch to its receipt; None for punches copied from the first version.
            written: time from the receipt (without one, from the punch) to the writing.
            sent: time from the sending to the receipt; None: not sent.
            device: name of the device; None: a separate device for each employee.
        """
        ids = []
        for instant in parse_instants(times, self.zones.get(employee_id, SAO_PAULO)):
            receipt = None if received is None else instant + received
            ids.append(str(uuid.uuid4()))
            self.execute(
                "insert into ponto.batida (id, usuario_id, ponto, dispositivo, enviado, recebida_em, gravada_em)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                ids[-1],
                employee_id,
                instant,
                device or f"clock of {employee_id}",
                receipt and sent and receipt - sent,
                receipt,
                (receipt or instant) + written,
            )
        return ids

    def store_history(self, zone: ZoneInfo, cutoff: time | None, punches: list[datetime]) -> None:
        """Store employee 1 and punches, in the given order."""
        self.employ(1, zone, cutoff)
        self.execute(
            "insert into ponto.batida (id, usuario_id, ponto, recebida_em)"
            " select gen_random_uuid(), 1, at, greatest(at, '2000-01-01') from unnest(%s::timestamptz[]) as at",
            punches,
        )

    def time_card(self, employee_id: int, *months: str) -> list[str]:
        """Return the days with punches of time cards: local times, minutes worked and night minutes."""
        return [
            f"{day} {' '.join(f'{local:%H:%M}' for local in locals_)} = {minutes}, {night}{' incomplete' * odd}"
            for month in months
            for day, locals_, minutes, night, odd in self.read(
                f"ponto.espelho('{month}-01', {employee_id})", "dia, locais, minutos, minutos_noturnos, incompleta"
            )
            if locals_
        ]


def parse_instants(times: str, zone: ZoneInfo = SAO_PAULO) -> list[datetime]:
    """Parse local times after their dates: "2026-11-03 08:00 12:00 2026-11-04 22:00 30:00".

    Hours may exceed 24. A * marks the second of two equal local times at a clock change.
    """
    instants = []
    day = datetime.min
    for word in times.split():
        if "-" in word:
            day = datetime.fromisoformat(word)
            continue
        hours, minutes, seconds = f"{word.removesuffix('*')}:0".split(":")[:3]
        local = day + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        instants.append(local.replace(tzinfo=zone, fold=int("*" in word)).astimezone(UTC))
    return instants


def parse_instant(time: str) -> datetime:
    """Parse one local time of the stage."""
    (instant,) = parse_instants(time)
    return instant


CLOCK_CHANGES = [
    (SAO_PAULO, date(2018, 2, 16)),  # back at midnight, a day later
    (SAO_PAULO, date(2018, 11, 2)),  # forward at midnight
    (SAO_PAULO, date(2026, 11, 29)),  # no change, end of a month
    (NEW_YORK, date(2026, 10, 30)),  # back at 02:00, end of a month
    (NEW_YORK, date(2026, 3, 6)),  # forward at 02:00
    (NUUK, date(2019, 10, 25)),  # back at 23:00, over 22:00
    (NUUK, date(2019, 3, 29)),  # forward at 22:00
    (APIA, date(2011, 12, 28)),  # forward by a day
    (ZoneInfo("Pacific/Kwajalein"), date(1969, 9, 29)),  # back by 23 hours
    (ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 3)),  # back by half an hour
]


@pytest.fixture(scope="module")
def shared_url(postgres: str, template_database: str) -> Iterator[str]:
    """The URI of a migrated database in which nothing is committed."""
    with cloned(postgres, template_database) as url:
        yield url


@pytest.fixture
def database(shared_url: str) -> Iterator[ReportDatabase]:
    """A migrated database without punches, whose changes are rolled back."""
    with closing(ReportDatabase(shared_url)) as database, database.rolled_back():
        yield database


@pytest.fixture
def writable_database(migrated_url: str) -> Iterator[ReportDatabase]:
    """A separate migrated database, for tests that commit, fail or roll back."""
    with closing(ReportDatabase(migrated_url)) as database:
        yield database


@st.composite
def employee_punches(draw: st.DrawFn) -> EmployeePunches:
    """Draw a time zone, a cut-off, and the punches of four days around a clock change."""
    zone, first_day = draw(st.sampled_from(CLOCK_CHANGES))
    cutoff = draw(st.none() | st.sampled_from([time(0), time(12), time(23, 59)]) | st.times().map(truncate_to_minute))
    seconds = draw(st.lists(st.integers(0, 4 * 86_400), max_size=12))
    start = datetime.combine(first_day, time(0), UTC)
    return zone, cutoff, [start + number * SECOND for number in seconds]


property_settings = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def truncate_to_minute(at: Any) -> Any:
    return at.replace(second=0, microsecond=0)


def local_time(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def working_days(zone: ZoneInfo, cutoff: time | None, punches: list[datetime]) -> dict[date, list[datetime]]:
    """Group punches, truncated to the minute, by working day."""
    cutoff = time(4) if cutoff is None else cutoff
    days = defaultdict(list)
    for instant in sorted(map(truncate_to_minute, punches)):
        days[(local_time(instant, zone) - timedelta(hours=cutoff.hour, minutes=cutoff.minute)).date()].append(instant)
    return dict(sorted(days.items()))


def iterate_worked_minutes(zone: ZoneInfo, instants: list[datetime]) -> Iterator[datetime]:
    """Yield the local time of every minute worked."""
    for start, end in zip(instants[::2], instants[1::2], strict=False):  # the last may have no pair
        for number in range((end - start) // MINUTE):
            yield local_time(start + number * MINUTE, zone)


def short_rest_minutes(days: dict[date, list[datetime]], day: date) -> int | None:
    """Return the minutes until the next working day, if they are too few for a rest."""
    following = min((other for other in days if other > day), default=None)
    if following is None:
        return None
    rest = (days[following][0] - days[day][-1]) // MINUTE
    breaks = [(after - before) // MINUTE for day_ in (day, following) for before, after in pairwise(days[day_])]
    both_are_odd = len(days[day]) % 2 == 1 == len(days[following]) % 2
    is_split = rest < min(11 * 60, max(breaks, default=0)) or (both_are_odd and rest < 13 * 60)
    return rest if is_split else None
