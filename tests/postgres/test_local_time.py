"""A local time is one instant, whether the consumer reads it or PostgreSQL converts an older table's row."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponto.event import INSTANT_COLUMN
from ponto.punch import parse
from tests.events import punch

BEGIN = datetime(1970, 1, 1)  # what was before is revised: PostgreSQL's release of the zones may differ from Python's
ZONES = ["America/Sao_Paulo", "America/New_York", "America/Noronha", "Europe/Lisbon", "Australia/Lord_Howe"]


def transitions(zone: str) -> list[datetime]:
    """Find the local times, before the change, of every change of offset from 1970 to 2040, to the minute."""
    tz = ZoneInfo(zone)
    found = []
    before = BEGIN.replace(tzinfo=UTC)
    while before.year < 2040:
        after = before + timedelta(days=1)
        if before.astimezone(tz).utcoffset() != after.astimezone(tz).utcoffset():
            low, high = before, after
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                if middle.astimezone(tz).utcoffset() == low.astimezone(tz).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(low.astimezone(tz).replace(tzinfo=None))
        before = after
    return found


def by_postgres(database_url: str, locals_: list[datetime], zone: str) -> list[datetime]:
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'")
            cursor.execute(
                "select local at time zone %s from unnest(%s::timestamp[]) with ordinality as t(local, n) order by n",
                (zone, locals_),
            )
            return [instant for (instant,) in cursor]
    finally:
        connection.close()


def by_consumer(locals_: list[datetime], zone: str) -> list[datetime]:
    tz = ZoneInfo(zone)
    return [getattr(parse(punch(1, at.isoformat()), tz), INSTANT_COLUMN) for at in locals_]


def around(instant: datetime) -> Iterator[datetime]:
    for minutes in range(-180, 181, 10):
        yield instant + timedelta(minutes=minutes)
        yield instant + timedelta(minutes=minutes, microseconds=-1)


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_around_every_change_of_offset_are_read_as_postgresql_reads_them(
    zone: str, database_url: str
) -> None:
    changes = transitions(zone)
    assert changes
    near = [local for change in changes for local in around(change)]
    assert by_consumer(near, zone) == by_postgres(database_url, near, zone)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(ZONES),
    locals_=st.lists(st.datetimes(BEGIN, datetime(2999, 12, 31, 23, 59, 59)), min_size=20, max_size=50),
)
def test_any_local_time_is_read_as_postgresql_reads_it(zone: str, locals_: list[datetime], database_url: str) -> None:
    assert by_consumer(locals_, zone) == by_postgres(database_url, locals_, zone)
