"""What the tests of the reports share: a database with punches, and its time cards in plain Python."""

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

SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # the stage's
NEW_YORK = ZoneInfo("America/New_York")
NUUK = ZoneInfo("America/Nuuk")
APIA = ZoneInfo("Pacific/Apia")
DEPLOYMENT = 2**53 - 1  # the employee for whom a deployment tries itself
NIGHT = time(12)  # cut-off

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


Row = tuple[Any, ...]
Story = tuple[ZoneInfo, time | None, list[datetime]]  # zone, cut-off, punches


class Database(tests.database.Database):
    """A database with all migrations, in a session whose time zone is nobody's."""

    def __init__(self, url: str, time_zone: str = "Asia/Kathmandu") -> None:
        super().__init__(url)
        self.execute("select set_config('timezone', %s, false)", time_zone)
        self.zones: dict[int, ZoneInfo] = {}  # of those who are employed

    def read(self, report: str, columns: str = "*") -> list[Row]:
        """Return the rows of a view, a table or a call of a function."""
        return self.execute(f"select {columns} from {report}")

    def explain(self, report: str) -> str:
        return "\n".join(line for (line,) in self.execute("explain select * from " + report))

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Undo afterwards what happens inside."""
        self.execute("begin")
        try:
            yield
        finally:
            self.execute("rollback")

    def employ(self, usuario_id: int, zone: ZoneInfo | None = None, cutoff: time | None = None) -> None:
        self.zones[usuario_id] = zone or SAO_PAULO
        self.execute(
            "insert into ponto.funcionario (usuario_id, nome, fuso, corte) values (%s, %s, %s, %s)",
            usuario_id,
            f"Employee {usuario_id}",
            zone and zone.key,
            cutoff,
        )

    def punch(
        self,
        usuario_id: int,
        times: str,
        *,
        received: timedelta | None = SECOND,
        written: timedelta = SECOND,
        sent: timedelta | None = None,
        device: str | None = None,
    ) -> list[str]:
        """Store punches, in the given order; return their ids.

        Args:
            usuario_id: the employee.
            times: as of `instants_of`, in the employee's zone.
            received: after it was punched; None as for copied punches.
            written: after it was received, or punched.
            sent: before it was received.
            device: by default one of the employee's own.
        """
        ids = []
        for instant in instants_of(times, self.zones.get(usuario_id, SAO_PAULO)):
            receipt = None if received is None else instant + received
            ids.append(str(uuid.uuid4()))
            self.execute(
                "insert into ponto.batida (id, usuario_id, ponto, dispositivo, enviado, recebida_em, gravada_em)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                ids[-1],
                usuario_id,
                instant,
                device or f"clock of {usuario_id}",
                receipt and sent and receipt - sent,
                receipt,
                (receipt or instant) + written,
            )
        return ids

    def begin(self, zone: ZoneInfo, cutoff: time | None, punches: list[datetime]) -> None:
        """Employ somebody, and store punches that arrive in the given order."""
        self.employ(1, zone, cutoff)
        self.execute(
            "insert into ponto.batida (id, usuario_id, ponto, recebida_em)"
            " select gen_random_uuid(), 1, at, greatest(at, '2000-01-01') from unnest(%s::timestamptz[]) as at",
            punches,
        )

    def card(self, usuario_id: int, *months: str) -> list[str]:
        """Return the days of time cards that have punches: local times, minutes, and how many of these at night."""
        return [
            f"{day} {' '.join(f'{local:%H:%M}' for local in locals_)} = {minutes}, {night}{' incomplete' * odd}"
            for month in months
            for day, locals_, minutes, night, odd in self.read(
                f"ponto.espelho({usuario_id}, '{month}-01')", "dia, locais, minutos, minutos_noturnos, incompleta"
            )
            if locals_
        ]


def instants_of(times: str, zone: ZoneInfo = SAO_PAULO) -> list[datetime]:
    """Read local times, each of the last date before it: "2026-11-03 08:00 12:00 2026-11-04 22:00 30:00".

    Hours go on above 24; of two times that are the same, the later one has a *.
    """
    found = []
    day = datetime.min
    for word in times.split():
        if "-" in word:
            day = datetime.fromisoformat(word)
            continue
        hours, minutes, seconds = f"{word.removesuffix('*')}:0".split(":")[:3]
        local = day + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        found.append(local.replace(tzinfo=zone, fold=int("*" in word)).astimezone(UTC))
    return found


def instant_of(time: str) -> datetime:
    """Read a local time of the stage."""
    (instant,) = instants_of(time)
    return instant


CHANGES = [
    (SAO_PAULO, date(2018, 2, 16)),  # a day and some before the clocks go back at midnight
    (SAO_PAULO, date(2018, 11, 2)),  # forward at midnight
    (SAO_PAULO, date(2026, 11, 29)),  # never, and a month ends
    (NEW_YORK, date(2026, 10, 30)),  # back at 02:00, and a month ends
    (NEW_YORK, date(2026, 3, 6)),  # forward at 02:00
    (NUUK, date(2019, 10, 25)),  # back at 23:00, over 22:00
    (NUUK, date(2019, 3, 29)),  # forward at 22:00, which is not there
    (APIA, date(2011, 12, 28)),  # a whole day is left out
    (ZoneInfo("Pacific/Kwajalein"), date(1969, 9, 29)),  # a day comes twice, but for an hour
    (ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 3)),  # back by half an hour
]


@pytest.fixture(scope="module")
def shared_url(postgres: str, template_database: str) -> Iterator[str]:
    """Give the URI of a database with all migrations applied, in which nothing is committed."""
    with cloned(postgres, template_database) as url:
        yield url


@pytest.fixture
def database(shared_url: str) -> Iterator[Database]:
    """Give a database with all migrations applied and no punches; what a test does in it is undone."""
    with closing(Database(shared_url)) as database, database.trial():
        yield database


@pytest.fixture
def own(migrated_url: str) -> Iterator[Database]:
    """Give another to a test that commits, fails on purpose, or undoes by itself."""
    with closing(Database(migrated_url)) as database:
        yield database


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw a zone, a cut-off and the punches of four days around a change of the clock."""
    zone, began = draw(st.sampled_from(CHANGES))
    cutoff = draw(st.none() | st.sampled_from([time(0), time(12), time(23, 59)]) | st.times().map(to_minute))
    seconds = draw(st.lists(st.integers(0, 4 * 86_400), max_size=12))
    start = datetime.combine(began, time(0), UTC)
    return zone, cutoff, [start + number * SECOND for number in seconds]


rules = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def to_minute(at: Any) -> Any:
    return at.replace(second=0, microsecond=0)


def wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def working_days(zone: ZoneInfo, cutoff: time | None, punches: list[datetime]) -> dict[date, list[datetime]]:
    """Sort punches, cut to the minute, into working days."""
    corte = time(4) if cutoff is None else cutoff
    days = defaultdict(list)
    for instant in sorted(map(to_minute, punches)):
        days[(wall(instant, zone) - timedelta(hours=corte.hour, minutes=corte.minute)).date()].append(instant)
    return dict(sorted(days.items()))


def minutes_of(zone: ZoneInfo, instants: list[datetime]) -> Iterator[datetime]:
    """Give the local time of every minute that passes in the pairs, one by one."""
    for come, go in zip(instants[::2], instants[1::2], strict=False):  # the last may be alone
        for number in range((go - come) // MINUTE):
            yield wall(come + number * MINUTE, zone)


def rest_after(days: dict[date, list[datetime]], day: date) -> int | None:
    """Give the minutes until the next working day, where they are too few."""
    following = min((other for other in days if other > day), default=None)
    if following is None:
        return None
    rest = (days[following][0] - days[day][-1]) // MINUTE
    breaks = [(after - before) // MINUTE for one in (day, following) for before, after in pairwise(days[one])]
    both_are_odd = len(days[day]) % 2 == 1 == len(days[following]) % 2
    is_split = rest < min(11 * 60, max(breaks, default=0)) or (both_are_odd and rest < 13 * 60)
    return rest if is_split else None
