"""The parser and PostgreSQL, which converts the rows of older tables, read a local time as the same instant."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ponto.drain.parser import parse
from ponto.punch import EVENT
from tests.database import execute
from tests.events import punch

FIRST = datetime(1970, 1, 1)  # earlier data is still revised, and PostgreSQL's release may differ from Python's
ZONES = ["America/Sao_Paulo", "America/New_York", "America/Noronha", "Europe/Lisbon", "Australia/Lord_Howe"]


@pytest.mark.parametrize("zone", ZONES)
def test_parser_and_postgresql_agree_around_every_change_of_offset(zone: str, postgres: str) -> None:
    tz = ZoneInfo(zone)
    days = [FIRST + timedelta(days=day) for day in range(70 * 366)]
    offsets = [day.replace(tzinfo=tz).utcoffset() for day in days]
    local = [
        day + timedelta(minutes=minutes, microseconds=microseconds)
        for day, offset, next_offset in zip(days, offsets, offsets[1:], strict=False)
        if offset != next_offset
        for minutes in range(-180, 27 * 60, 30)
        for microseconds in (0, -1)
    ]

    assert local
    parsed = [getattr(parse(punch(1, at.isoformat()), tz), EVENT.instant).astimezone(UTC) for at in local]

    converted = "select local at time zone %s from unnest(%s::timestamp[]) with ordinality as t(local, n) order by n"
    assert parsed == [instant for (instant,) in execute(postgres, converted, zone, local)]
