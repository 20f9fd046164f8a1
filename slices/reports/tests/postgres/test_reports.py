"""The reports in SQL: time cards computed by hand, limits, and results compared with a model in Python."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slices.reports.tests.reporting import (
    APIA,
    DAY,
    HOUR,
    MINUTE,
    NEW_YORK,
    NOON_CUTOFF,
    NUUK,
    RESERVED_EMPLOYEE_ID,
    SAO_PAULO,
    SECOND,
    EmployeePunches,
    ReportDatabase,
    Row,
    employee_punches,
    iterate_worked_minutes,
    local_time,
    parse_instant,
    parse_instants,
    property_settings,
    short_rest_minutes,
    truncate_to_minute,
    working_days,
)
from slices.reports.tests.reporting import database as database
from slices.reports.tests.reporting import shared_url as shared_url
from slices.reports.tests.reporting import writable_database as writable_database
from tests.database import cloned

# Time cards, computed by hand


TIME_CARDS: list[tuple[ZoneInfo, time | None, str, list[str]]] = [
    # A day with lunch: 08:00 to 12:00 is 4 h, 13:00 to 18:00 is 5 h: 9 x 60; nothing before 05:00 or after 22:00
    (SAO_PAULO, None, "2026-11-03 08:00 12:00 13:00 18:00", ["2026-11-03 08:00 12:00 13:00 18:00 = 540, 0"]),
    # Seconds are truncated: 08:00 to 12:00 is 240 and 13:00 to 18:30 is 330, though 239 min and 329 min 2 s passed
    (
        SAO_PAULO, None, "2026-11-03 08:00:59.999999 12:00:00 13:00:59 18:30:01",
        ["2026-11-03 08:00 12:00 13:00 18:30 = 570, 0"],
    ),
    # 20:30 to 23:15 is 165, of them 75 after 22:00; 00:15 to 05:40 is 325, of them 285 before 05:00
    (SAO_PAULO, NOON_CUTOFF, "2026-11-03 20:30 23:15 24:15 29:40", ["2026-11-03 20:30 23:15 00:15 05:40 = 490, 360"]),
    # Parts of two nights: 04:30 to 22:10 is 17 h 40 min = 1060, of them 30 before 05:00 and 10 after 22:00
    (SAO_PAULO, None, "2026-11-03 04:30 22:10", ["2026-11-03 04:30 22:10 = 1060, 40"]),
    # Parts of two nights: 23:00 to 22:59 is 23 h 59 min = 1439, of them 6 h = 360 before 05:00 and 59 after 22:00
    (SAO_PAULO, time(23), "2026-11-03 23:00 46:59", ["2026-11-03 23:00 22:59 = 1439, 419"]),
    # 04:00 to 03:59, of them 60 before 05:00 and 5 h 59 min = 359 after 22:00
    (SAO_PAULO, None, "2026-11-03 04:00 27:59", ["2026-11-03 04:00 03:59 = 1439, 419"]),
    # The night begins and ends on the minute: 22:01 to 22:02, 04:58 to 04:59
    (SAO_PAULO, None, "2026-11-03 21:59 22:00 22:01 22:02", ["2026-11-03 21:59 22:00 22:01 22:02 = 2, 1"]),
    (SAO_PAULO, None, "2026-11-03 04:58 04:59 05:00 05:01", ["2026-11-03 04:58 04:59 05:00 05:01 = 2, 1"]),
    # With cut-off at noon a night shift belongs to the day and month of its start: 8 h, of them 22:00 to 05:00, 7 h
    (SAO_PAULO, NOON_CUTOFF, "2026-11-30 22:00 30:00", ["2026-11-30 22:00 06:00 = 480, 420"]),
    # With cut-off at four the same punches are two days with a punch each
    (
        SAO_PAULO, None, "2026-11-30 22:00 30:00",
        ["2026-11-30 22:00 = 0, 0 incomplete", "2026-12-01 06:00 = 0, 0 incomplete"],
    ),
    # Punches before the cut-off belong to the day before: 9 h 59 min, of them 22:00 to 03:59; 8 h, an hour before 05:00
    (
        SAO_PAULO, None, "2026-11-30 18:00 27:59 28:00 36:00",
        ["2026-11-30 18:00 03:59 = 599, 359", "2026-12-01 04:00 12:00 = 480, 60"],
    ),
    # Clocks go forward, an hour is missing: 22:00 to 06:00 is 7 h = 420, 22:00 to 05:00 is 6 h = 360
    (SAO_PAULO, NOON_CUTOFF, "2018-11-03 22:00 30:00", ["2018-11-03 22:00 06:00 = 420, 360"]),  # 00:00 became 01:00
    (NEW_YORK, NOON_CUTOFF, "2026-03-07 22:00 30:00", ["2026-03-07 22:00 06:00 = 420, 360"]),  # 02:00 became 03:00
    # Clocks go back, an hour is repeated: 22:00 to 06:00 is 9 h = 540, 22:00 to 05:00 is 8 h = 480
    (SAO_PAULO, NOON_CUTOFF, "2018-02-17 22:00 30:00", ["2018-02-17 22:00 06:00 = 540, 480"]),  # 00:00 became 23:00
    (NEW_YORK, NOON_CUTOFF, "2026-10-31 22:00 30:00", ["2026-10-31 22:00 06:00 = 540, 480"]),  # 02:00 became 01:00
    # No clock change in 2026
    (SAO_PAULO, NOON_CUTOFF, "2026-02-14 22:00 30:00", ["2026-02-14 22:00 06:00 = 480, 420"]),
    # 23:00 became 22:00. 12 min of day from 21:48, then twice an hour of night, then 60 + 32: 224, but for the 12
    (NUUK, NOON_CUTOFF, "2019-10-26 21:48 24:32", ["2019-10-26 21:48 00:32 = 224, 212"]),
    # 22:00 became 23:00: 21:30 to 05:30 is 7 h, of them half an hour before and half an hour after the night
    (NUUK, NOON_CUTOFF, "2019-03-30 21:30 29:30", ["2019-03-30 21:30 05:30 = 420, 360"]),
    # 03:00 became 01:00: 00:30 to 05:10 is 6 h 40 min, of them 10 min after the night
    (ZoneInfo("Antarctica/Troll"), NOON_CUTOFF, "2026-10-25 00:30 05:10", ["2026-10-24 00:30 05:10 = 400, 390"]),
    # The date after the 29th is the 31st, whose night began at 22:00 on a date that does not exist
    (APIA, time(0), "2011-12-31 00:10 03:00", ["2011-12-31 00:10 03:00 = 170, 170"]),
    (APIA, None, "2011-12-31 00:10 03:00", ["2011-12-30 00:10 03:00 = 170, 170"]),
    (APIA, time(0), "2011-12-29 20:00 23:59", ["2011-12-29 20:00 23:59 = 239, 119"]),
    # In order of the instants: 23:40 to 23:10 is 20 min and 10 after midnight; 23:50 to 01:00 is 70; all at night
    (SAO_PAULO, None, "2018-02-17 23:40 23:10* 23:50* 25:00", ["2018-02-17 23:40 23:10 23:50 01:00 = 100, 100"]),
    # 00:30 to 01:30 is 60; the second 01:30 to 02:30 is 60; before 04:00, so they belong to the day before
    (NEW_YORK, None, "2026-11-01 00:30 01:30 01:30* 02:30", ["2026-10-31 00:30 01:30 01:30 02:30 = 120, 120"]),
    # A day shift on the day of a clock change has its usual length
    (SAO_PAULO, None, "2018-11-04 08:00 17:00", ["2018-11-04 08:00 17:00 = 540, 0"]),
    (SAO_PAULO, None, "2018-02-18 08:00 17:00", ["2018-02-18 08:00 17:00 = 540, 0"]),
    # With an odd number the last punch has no pair: 08:00 to 12:00 is 240
    (SAO_PAULO, None, "2026-11-03 08:00 12:00 13:00", ["2026-11-03 08:00 12:00 13:00 = 240, 0 incomplete"]),
    # A repeat with another id is kept and paired: 08:00 to 08:00 is 0
    (SAO_PAULO, None, "2026-11-03 08:00 08:00 12:00", ["2026-11-03 08:00 08:00 12:00 = 0, 0 incomplete"]),
]  # fmt: skip
"""Time zone, cut-off and punches of an employee; days of the time card, with minutes worked and night minutes."""


@pytest.mark.parametrize(("zone", "cutoff", "punches", "days"), TIME_CARDS)
def test_time_card_has_the_days_and_minutes_computed_by_hand(
    database: ReportDatabase, zone: ZoneInfo, cutoff: time | None, punches: str, days: list[str]
) -> None:
    database.employ(1, zone, cutoff)
    database.punch(1, punches)

    months = {f"{instant + side:%Y-%m}" for instant in parse_instants(punches, zone) for side in (-DAY, DAY)}
    assert database.time_card(1, *sorted(months)) == days


def test_late_punch_completes_its_day_and_updates_gravada_em(database: ReportDatabase) -> None:
    database.punch(1, "2026-11-03 08:00 18:00 13:00")
    before = database.time_card(1, "2026-11")

    database.punch(1, "2026-11-03 12:00", received=9 * DAY)

    assert before == ["2026-11-03 08:00 13:00 18:00 = 300, 0 incomplete"]  # 08:00 to 13:00
    assert database.time_card(1, "2026-11") == ["2026-11-03 08:00 12:00 13:00 18:00 = 540, 0"]
    # Received 9 days after 12:00, written a second later
    assert database.read("jornada", "gravada_em") == [(parse_instant("2026-11-12 12:00:01"),)]


def test_time_cards_of_all_equal_those_of_each_employee(database: ReportDatabase) -> None:
    database.employ(2)  # without punches
    database.employ(3, NEW_YORK, NOON_CUTOFF)
    database.punch(1, "2026-11-03 08:00 12:00 2026-10-31 08:00")
    database.punch(3, "2026-10-31 22:00 32:00 2026-11-10 22:00")
    database.punch(4, "2026-10-31 08:00 2026-12-01 08:00")  # not in November, and not in funcionario

    single_time_cards = [
        row for employee_id in (1, 2, 3) for row in database.read(f"espelho('2026-11-07', {employee_id})")
    ]

    assert database.read("espelhos('2026-11-07')") == single_time_cards
    assert len(single_time_cards) == 3 * 30


def test_the_totals_of_a_month(database: ReportDatabase) -> None:
    database.execute("insert into funcionario values (1, 'Ana', '11144477735', 'America/New_York', '12:00')")
    database.employ(2)
    database.zones[1] = NEW_YORK
    database.punch(1, "2026-11-03 18:00 23:00 2026-11-04 18:00 23:00 2026-11-05 18:00 2026-12-01 18:00")
    database.punch(3, "2026-11-03 08:00 12:00")

    expected = [
        # 18:00 to 23:00 is 300, of them 60 after 22:00, twice; and a day with one punch
        (1, "Ana", "11144477735", "America/New_York", 3, 600, 120, 1, 0),
        (2, "Employee 2", None, "America/Sao_Paulo", 0, 0, 0, 0, 0),
        (3, None, None, "America/Sao_Paulo", 1, 240, 0, 0, 0),
    ]
    assert database.read("espelho_totais('2026-11-30')") == expected
    for employee_id in (1, 2, 3, 4):
        assert database.read(f"espelho_totais('2026-11-01', {employee_id})") == expected[employee_id - 1 : employee_id]


def list_reports(employee_id: int) -> list[str]:
    """Return calls of all reports on November 2026, of all employees and of one."""
    days = "'2026-11-01', '2026-11-30'"
    return [
        "batida_local",
        "jornada",
        f"jornadas({days})",
        f"jornadas({days}, {employee_id})",
        f"espelho('2026-11-01', {employee_id})",
        "espelhos('2026-11-01')",
        "espelho_totais('2026-11-01')",
        f"espelho_totais('2026-11-01', {employee_id})",
        f"excecoes({days})",
        f"cortes({days})",
    ]


def test_exceptions_of_one_employee_equal_those_among_all(database: ReportDatabase) -> None:
    for employee_id in (1, 2, 3):
        database.punch(employee_id, "2026-11-03 08:00 08:01", received=5 * DAY, sent=HOUR)
        database.punch(employee_id, "2026-11-04 08:00", received=-HOUR)
    all_exceptions = database.read("excecoes('2026-11-01', '2026-11-30')")

    single_exceptions = database.read("excecoes('2026-11-01', '2026-11-30', usuario => 2)")

    assert {row[0] for row in single_exceptions} == {
        "incompleta",
        "proxima",
        "futura",
        "atrasada",
        "reaberta",
        "relogio",
    }
    assert single_exceptions == [row for row in all_exceptions if row[1] == 2]


def test_employee_of_smoke_tests_is_in_no_report(database: ReportDatabase) -> None:
    database.punch(RESERVED_EMPLOYEE_ID, "2026-11-03 08:00 08:00 23:00", received=2 * DAY, sent=HOUR)

    for report in list_reports(RESERVED_EMPLOYEE_ID):
        assert database.read(report) == [], report


# Punches in local time


def test_a_punch_in_local_time_with_its_delays(database: ReportDatabase) -> None:
    database.employ(1, NEW_YORK)
    (punch,) = database.punch(1, "2026-07-01 23:59:30.5", received=2 * HOUR, sent=-MINUTE)
    at = datetime(2026, 7, 2, 3, 59, 30, 500_000, tzinfo=UTC)

    (row,) = database.read(
        "batida_local",
        "id, usuario_id, nome, fuso, ponto, local, dia, dispositivo, offline, enviado, recebida_em, gravada_em,"
        " atraso_recebimento, atraso_gravacao, desvio",
    )

    assert row == (
        punch, 1, "Employee 1", "America/New_York", at, datetime(2026, 7, 1, 23, 59, 30, 500_000), date(2026, 7, 1),
        "clock of 1", None, at + 2 * HOUR + MINUTE, at + 2 * HOUR, at + 2 * HOUR + SECOND, 2 * HOUR, SECOND, -MINUTE,
    )  # fmt: skip


# Exceptions

LIMITS = [
    # type; a day whose second punch is just beyond the limit; a day whose second punch is just within it; measure
    ("longa", {"at": ["08:00", "18:01"]}, {"at": ["08:00", "18:00"]}, 601 * MINUTE),
    ("proxima", {"at": ["08:00:59", "08:01:01"]}, {"at": ["08:00", "08:02"]}, MINUTE),
    ("proxima", {"at": ["08:00", "08:00:59"]}, {"at": ["08:00:59", "08:02:00"]}, 0 * MINUTE),
    ("futura", {"received": -5 * MINUTE - SECOND}, {"received": -5 * MINUTE}, 5 * MINUTE + SECOND),
    ("atrasada", {"received": DAY + SECOND}, {"received": DAY}, DAY + SECOND),
    ("relogio", {"sent": 5 * MINUTE + SECOND}, {"sent": 5 * MINUTE}, 5 * MINUTE + SECOND),
    ("relogio", {"sent": -5 * MINUTE - SECOND}, {"sent": -5 * MINUTE}, -5 * MINUTE - SECOND),
    ("redefinida", {"received": 60 * DAY + SECOND}, {"received": 60 * DAY}, 60 * DAY + SECOND),
    ("redefinida", {"received": -60 * DAY - SECOND}, {"received": -60 * DAY}, -60 * DAY - SECOND),
    # The day ends at 04:00 of the 4th, 3 days later it is 04:00 of the 7th: 82 h after 18:00, and a second to receive
    ("reaberta", {"written": 82 * HOUR}, {"written": 82 * HOUR - SECOND}, 3 * DAY + SECOND),
]


@pytest.mark.parametrize(("exception_type", "outside", "inside", "measured"), LIMITS)
def test_exception_starts_just_beyond_its_limit(
    database: ReportDatabase, exception_type: str, outside: dict[str, Any], inside: dict[str, Any], measured: timedelta
) -> None:
    for employee, case in ((1, outside), (2, inside)):
        first, last = case.get("at", ["08:00", "18:00"])
        database.punch(employee, f"2026-11-03 {first}")
        database.punch(employee, f"2026-11-03 {last}", **{name: case[name] for name in case.keys() - {"at"}})

    days = "'2026-11-03', '2026-11-03'" if exception_type != "redefinida" else "'2026-09-01', '2027-01-31'"
    rows = [
        row for *row, tipo in database.read(f"excecoes({days})", "usuario_id, medida, tipo") if tipo == exception_type
    ]

    assert rows == [[1, measured]]


def test_an_ordinary_day_is_no_exception(database: ReportDatabase) -> None:
    database.punch(1, "2026-11-03 08:00 12:00 13:00 18:00", sent=SECOND)
    database.punch(2, "2026-11-03 08:00 12:00")  # close to the punches of employee 1, which is no exception
    database.punch(3, "2020-11-03 08:00 12:00", received=None, written=6 * 365 * DAY)  # copied punches reopen no day

    for month in ("2020-11", "2026-11"):
        assert database.read(f"excecoes('{month}-01', '{month}-30')") == []


def test_columns_of_an_exception(database: ReportDatabase) -> None:
    database.employ(1, NEW_YORK)
    first, second, third = database.punch(1, "2026-11-03 08:00:20 08:00:40 20:00:30", received=5 * DAY, sent=HOUR)
    day = (1, "Employee 1", date(2026, 11, 3))

    def punch(exception_type: str, id_: str, hour: int, measured: timedelta) -> Row:
        return (exception_type, *day, id_, datetime(2026, 11, 3, hour), "clock of 1", measured, 1)

    assert database.read("excecoes('2026-11-03', '2026-11-03')") == [
        punch("atrasada", first, 8, 5 * DAY),
        punch("atrasada", second, 8, 5 * DAY),
        punch("atrasada", third, 20, 5 * DAY),
        ("incompleta", *day, None, None, None, timedelta(0), 3),
        punch("proxima", second, 8, timedelta(0)),
        # From 04:00 of the 4th to 20:00:31 of the 8th; none of the three was written before
        ("reaberta", *day, None, None, None, 4 * DAY + 16 * HOUR + 31 * SECOND, 3),
        punch("relogio", first, 8, HOUR),
        punch("relogio", second, 8, HOUR),
        punch("relogio", third, 20, HOUR),
    ]


def test_limits_are_parameters(database: ReportDatabase) -> None:
    database.punch(1, "2026-11-03 08:00 08:10", received=MINUTE, written=MINUTE, sent=MINUTE)

    limits = {
        "jornada_maxima => '9 minutes'": "longa",
        "proximas => '10 minutes'": "proxima",
        "atraso => '59 seconds'": "atrasada",
        "futuro => '-61 seconds'": "futura",
        "dias => -1": "reaberta",
        "desvio => '59 seconds'": "relogio",
    }
    for limit, exception_type in limits.items():
        types = database.read(f"excecoes('2026-11-03', '2026-11-03', {limit})", "distinct tipo")
        assert types == [(exception_type,)], limit


def test_exceptions_are_limited_to_the_given_days(database: ReportDatabase) -> None:
    for day in ("2026-11-02", "2026-11-03", "2026-11-04"):
        database.punch(1, f"{day} 08:00 08:00 20:00", received=5 * DAY, sent=HOUR)

    assert database.read("excecoes('2026-11-03', '2026-11-03')", "distinct dia") == [(date(2026, 11, 3),)]


def test_close_punches_on_either_side_of_the_cutoff_are_an_exception(database: ReportDatabase) -> None:
    database.punch(1, "2026-11-03 20:00 27:59 28:00 34:00")

    assert database.read("excecoes('2026-11-04', '2026-11-04')", "dia, medida") == [(date(2026, 11, 4), MINUTE)]


def test_close_punches_do_not_depend_on_the_first_day(database: ReportDatabase) -> None:
    database.punch(1, "2026-10-28 08:00 2026-10-31 08:00 2026-11-01 20:00 2026-11-03 20:00")

    def read_close_punches(first: str) -> list[list[Any]]:
        rows = database.read(f"excecoes('{first}', '2026-11-30', proximas => '3 days')", "tipo, dia, medida")
        return [row for tipo, *row in rows if tipo == "proxima" and row[0] >= date(2026, 10, 31)]

    assert read_close_punches("2026-10-01") == [
        [date(2026, 10, 31), 3 * DAY],
        [date(2026, 11, 1), 36 * HOUR],
        [date(2026, 11, 3), 2 * DAY],
    ]
    assert read_close_punches("2026-10-31") == read_close_punches("2026-10-01")
    assert read_close_punches("2026-11-01") == read_close_punches("2026-10-01")[1:]


@pytest.mark.parametrize("received", ["2026-10-05 08:00:30", "2026-10-06 03:59"])  # before the cut-off
@pytest.mark.parametrize("punched", ["1970-01-01 00:03", "2099-05-05 12:00", "1900-01-02 00:00", "2999-01-02 00:00"])
def test_reset_clock_is_an_exception_of_the_day_of_receipt(
    database: ReportDatabase, punched: str, received: str
) -> None:
    late = parse_instant(received) - parse_instant(punched)
    (id_,) = database.punch(1, punched, received=late, sent=late)
    columns = "tipo, dia, id, local, dispositivo, medida"

    rows = database.read("excecoes('2026-10-01', '2026-10-31')", columns)

    local = datetime.fromisoformat(punched)
    assert rows == [("redefinida", date(2026, 10, 5), id_, local, "clock of 1", late)]
    assert database.read("excecoes('2026-10-05', '2026-10-05', usuario => 1)", columns) == rows
    assert database.read("excecoes('2026-10-06', '2026-10-31')", columns) == []
    assert database.read("excecoes('2026-10-01', '2026-10-04')", columns) == []


# Cut-offs


def shifts(first: str, days: int, times: str, every: int = 1) -> str:
    """Return the times of a shift that begins on each of the days."""
    dates = (date.fromisoformat(first) + number * DAY for number in range(0, days, every))
    return " ".join(f"{day} {times}" for day in dates)


def test_split_nights_are_marked_and_get_another_cutoff(database: ReportDatabase) -> None:
    database.punch(1, shifts("2026-09-30", 32, "22:00 30:00"))
    october = "espelho_totais('2026-10-01', 1)"
    figures = "dias_trabalhados, minutos, minutos_noturnos, dias_incompletos, dias_divididos"

    # 06:00 of one shift to 22:00 of the next, 16 h on each of 31 days; 22:00 to 06:00 is no rest
    assert database.read(october, figures) == [(31, 31 * 16 * 60, 0, 0, 31)]
    assert set(database.read("espelho('2026-10-01', 1)", "minutos_descanso")) == {(480,)}
    assert database.read("excecoes('2026-10-30', '2026-10-31')", "tipo, dia, medida, batidas") == [
        (tipo, date(2026, 10, day), hours * HOUR, 2)
        for day in (30, 31)
        for tipo, hours in (("dividida", 8), ("longa", 16))
    ]
    (suggestion,) = database.read("cortes('2026-10-01', '2026-10-31')")
    assert suggestion == (1, None, SAO_PAULO.key, time(4), 31, 31, time(14), 0, 16 * HOUR)

    database.employ(1, cutoff=suggestion[6])

    assert database.read(october, figures) == [(31, 31 * 8 * 60, 31 * 7 * 60, 0, 0)]
    assert database.read("excecoes('2026-10-01', '2026-10-31')") == []
    assert database.read("cortes('2026-10-01', '2026-10-31')", "corte, divididos, sugestao, restantes, folga") == [
        (time(14), 0, None, None, None)
    ]


def test_rest_after_the_last_day_may_end_after_a_skipped_date(database: ReportDatabase) -> None:
    database.employ(1, APIA, cutoff=time(0))
    database.punch(1, "2011-12-29 18:00 23:00 2011-12-31 01:00 06:00")  # two hours of rest: there was no December 30

    assert database.read("jornadas('2011-12-29', '2011-12-29', 1)", "minutos_descanso") == [(120,)]


@pytest.mark.parametrize(
    ("times", "every", "suggestion"),
    [
        ("08:00 12:00 13:00 18:00", 1, None),
        ("08:00 18:00", 1, None),
        ("08:00 21:00", 1, None),  # 11 hours of rest
        ("08:00 13:00 14:00 23:00", 1, None),  # 9 hours of rest, and as long a time between two punches
        ("08:00 13:00 14:00 22:59", 1, None),
        ("07:00 19:00", 2, None),  # 12 hours of every 48
        ("18:00 27:59", 1, None),  # until just before the cut-off
        ("22:00 30:00", 1, time(14)),
        ("22:00 26:00 27:00 30:00", 1, time(14)),
        ("19:00 31:00", 2, time(13)),  # 12 hours of every 48, over the cut-off
        ("19:00 23:00 24:00 31:00", 2, time(13)),
        ("18:00 28:30", 1, time(11)),
    ],
)
def test_suggested_cutoff_is_in_the_middle_of_the_widest_gap(
    database: ReportDatabase, times: str, every: int, suggestion: time | None
) -> None:
    database.punch(1, shifts("2026-10-05", 20, times, every))

    ((suggested_cutoff, split_days, remaining),) = database.read(
        "cortes('2026-10-01', '2026-10-31')", "sugestao, divididos, restantes"
    )

    assert suggested_cutoff == suggestion
    assert (split_days > 0, remaining) == ((False, None) if suggestion is None else (True, 0))


# Time zones


def test_stage_zone_does_not_depend_on_session_or_role(writable_database: ReportDatabase, migrated_url: str) -> None:
    name = writable_database.execute("select current_database()")[0][0]
    writable_database.execute(f"alter role current_user in database {name} set timezone = 'Asia/Tokyo'")
    try:
        other = ReportDatabase(migrated_url, "Europe/Lisbon")
        try:
            assert other.execute("select fuso_padrao()") == [("America/Sao_Paulo",)]
            other.execute(f"alter database {name} set timezone = 'America/Noronha'")
            assert other.execute("select fuso_padrao()") == [("America/Noronha",)]
            other.execute(f"alter database {name} reset timezone")
            assert other.execute("select fuso_padrao()") == [("UTC",)]
        finally:
            other.close()
    finally:
        writable_database.execute(f"alter role current_user in database {name} reset timezone")


# Employees


REFUSED = [
    ("0, 'Ana', null, null, null", "usuario_id"),
    (f"{RESERVED_EMPLOYEE_ID}, 'Ana', null, null, null", "usuario_id"),
    ("1, ' ', null, null, null", "nome"),
    ("1, 'Ana', '1114447773', null, null", "cpf"),
    ("1, 'Ana', '111.444.777-35', null, null", "cpf"),
    ("1, 'Ana', null, null, '24:00'", "corte"),
    ("1, 'Ana', null, null, '04:00:30'", "corte"),
    ("1, 'Ana', null, 'Mars/Olympus', null", 'funcionario 1: fuso "Mars/Olympus" is not a time zone'),
    ("1, 'Ana', null, 'UTC+3', null", 'funcionario 1: fuso "UTC+3" is not a time zone'),  # POSIX: west of UTC
    ("1, 'Ana', null, 'BRT', null", 'funcionario 1: fuso "BRT" is not a time zone'),
    ("1, 'Ana', null, 'america/sao_paulo', null", 'fuso "america/sao_paulo" is not a time zone'),
    ("1, 'Ana', null, '', null", 'fuso "" is not a time zone'),
]


def test_invalid_employee_is_refused(writable_database: ReportDatabase) -> None:
    for values, message in REFUSED:
        with pytest.raises(psycopg2.errors.CheckViolation, match=re.escape(message)):
            writable_database.execute("insert into funcionario values (" + values + ")")

    assert writable_database.execute("table funcionario") == []


def test_zone_is_also_checked_on_update(writable_database: ReportDatabase) -> None:
    writable_database.employ(1)
    writable_database.employ(2)

    with pytest.raises(psycopg2.errors.CheckViolation, match='funcionario 2: fuso "X" is not a time zone'):
        writable_database.execute(
            "update funcionario set fuso = case usuario_id when 1 then 'America/Manaus' else 'X' end"
        )

    writable_database.execute("update funcionario set fuso = 'America/Manaus', corte = '23:59', cpf = '11144477735'")
    writable_database.execute(
        "insert into funcionario values (1, 'Ana') on conflict (usuario_id) do update set fuso = 'UTC'"
    )


# The migrations


ONE_EMPLOYEE_CONDITION = r"date_bin\(.* = ANY .*usuario_id = '1'"
ALL_EMPLOYEES_CONDITION = "ponto >= '2026-10-31 "


PLANS = [
    ("batidas('2026-11-01', '2026-11-30', 1)", ONE_EMPLOYEE_CONDITION),
    ("espelho('2026-11-01', 1)", ONE_EMPLOYEE_CONDITION),
    ("jornadas('2026-11-01', '2026-11-30', 1)", ONE_EMPLOYEE_CONDITION),
    ("jornada where usuario_id = 1", r"date_bin\(.* = ANY .*usuario_id = 1\)"),
    ("jornadas('2026-11-01', '2026-11-30')", ALL_EMPLOYEES_CONDITION),
    ("espelho('2026-11-01', 1, '2026-11-20 00:00Z')", ONE_EMPLOYEE_CONDITION),
    ("espelhos('2026-11-01', momento => '2026-11-20 00:00Z')", ALL_EMPLOYEES_CONDITION),
    ("espelhos('2026-11-01')", ALL_EMPLOYEES_CONDITION),
    ("espelho_totais('2026-11-01', 1)", ONE_EMPLOYEE_CONDITION),
    ("excecoes('2026-11-01', '2026-11-30')", ALL_EMPLOYEES_CONDITION),
    ("cortes('2026-11-01', '2026-11-30', 1)", ONE_EMPLOYEE_CONDITION),
    ("excecoes('2026-11-01', '2026-11-30', usuario => 1)", ONE_EMPLOYEE_CONDITION),
    ("semanas('-infinity', 'infinity')", r"date_bin\(.* IS NOT NULL"),
]


def test_report_reads_the_table_only_by_an_index(writable_database: ReportDatabase) -> None:
    writable_database.execute("set enable_seqscan = off")  # a sequential scan is cheapest for an empty table

    for report, condition in PLANS:
        plan = writable_database.explain(report)
        assert re.search("Index Cond: .*" + condition, plan), report
        assert "Seq Scan on batida" not in plan, report
        # The planner inlines the functions
        assert not re.search("Function Scan on (batidas|jornadas|espelho|excecoes)", plan), report


@pytest.fixture(scope="module")
def sixty_days(postgres: str, template_database: str) -> Iterator[ReportDatabase]:
    """A database with 48,000 punches of 200 employees, enough for the plans of a large table. Read only."""
    with cloned(postgres, template_database) as url, closing(ReportDatabase(url, "UTC")) as database:
        database.execute(
            "insert into batida (id, usuario_id, ponto, recebida_em, gravada_em)"
            " select gen_random_uuid(), employee, at, at, at"
            " from generate_series(timestamptz '2026-10-01 08:00Z', '2026-11-30 08:00Z', '1 day') as day,"
            " generate_series(1, 200) as employee, generate_series(day, day + interval '9 hours', '3 hours') as at"
        )
        database.execute("vacuum analyze batida")
        database.execute("set enable_seqscan = off")  # a sequential scan would be too slow on a table of years
        yield database


@pytest.mark.parametrize(
    "report",
    [
        "espelho('2026-10-01', 7)",
        "espelho_totais('2026-10-01', 7)",
        "unnest(array[7, 8, 9]::bigint[]) as quem cross join lateral jornadas('2026-10-01', '2026-10-31', quem)",
        "unnest(array[7, 8, 9]::bigint[]) as quem cross join lateral cortes('2026-10-01', '2026-10-31', quem)",
    ],
)
def test_rows_of_other_employees_are_not_read(sixty_days: ReportDatabase, report: str) -> None:
    plan = sixty_days.execute("explain analyze select * from " + report)

    scans = [line for (line,) in plan if "batida_ponto_idx" in line]
    assert all("never executed" in line for line in scans), scans
    assert any("batida_semana_usuario_id_idx" in line for (line,) in plan)
    assert any("Function Scan on generate_series semana" in line for (line,) in plan)


EDGES = [
    "1899-12-31 00:00Z",
    "1969-12-31 23:59:59.999999Z",
    *(f"2026-11-{monday} {time}" for monday in ("02", "30") for time in ("00:00Z", "00:00:00.000001Z", "03:59Z")),
    *(f"2026-11-{sunday} 23:59:59.999999Z" for sunday in ("01", "29")),
    "2026-11-05 13:00Z",  # in the middle of a week
    "2026-12-01 11:58Z",
    "3000-01-01 23:59Z",
]


@pytest.mark.parametrize(
    "days",
    [
        "'2026-11-01', '2026-11-29'",
        "'2026-11-02', '2026-11-02'",
        "'2026-11-04', '2026-11-04'",
        "'2017-01-01', '2026-12-01'",
        "'1900-01-01', '2999-12-31'",
        "'-infinity', 'infinity'",
        "null, null",
        "'2026-11-02', null",
        "null, '2026-11-02'",
    ],
)
def test_punches_of_some_days_equal_those_of_a_full_scan(database: ReportDatabase, days: str) -> None:
    database.execute("set timezone = 'America/New_York'")  # where 1 November 2026 has 25 hours
    for employee, zone, cutoff in (
        (1, ZoneInfo("Pacific/Kiritimati"), time(0)),
        (2, ZoneInfo("Etc/GMT+12"), time(23, 59)),
        (3, None, None),
    ):
        database.employ(employee, zone, cutoff)
    database.execute(
        "insert into batida (id, usuario_id, ponto) select gen_random_uuid(), employee, at"
        " from generate_series(1, 3) as employee, unnest(%s::timestamptz[]) as at",
        EDGES,
    )
    first, last = days.split(", ")
    plain = (
        f"select id from batida_local where dia between coalesce({first}, date '-infinity')"
        f" and coalesce({last}, date 'infinity')"
    )

    assert set(database.execute(f"select id from batidas({days})")) == set(database.execute(plain))
    plain_of_employee = set(database.execute(f"{plain} and usuario_id = 2"))
    assert set(database.execute(f"select id from batidas({days}, 2)")) == plain_of_employee
    if "null" not in days:
        assert set(database.execute(f"select id from batidas_enviadas({days}, 2)")) == plain_of_employee


# Comparison with a model in Python


@given(drawn=employee_punches())
@example(drawn=(SAO_PAULO, NOON_CUTOFF, parse_instants("2018-02-17 22:00 30:00")))
@property_settings
def test_working_days_time_cards_and_totals_equal_those_of_plain_python(
    writable_database: ReportDatabase, drawn: EmployeePunches
) -> None:
    zone, _, punches = drawn
    first_day = punches[0].date() if punches else date(2026, 11, 1)
    months = [(first_day.replace(day=15) + number * 31 * DAY).replace(day=1) for number in (-1, 0, 1)]
    period = f"'{months[0]}', '{months[-1].replace(day=28)}'"
    with writable_database.rolled_back():
        writable_database.store_history(*drawn)
        rows = writable_database.read(
            "jornada",
            "dia, pontos, locais, batidas, pares, minutos, minutos_noturnos, incompleta, repetidas, minutos_descanso,"
            " primeira, ultima",
        )
        view = writable_database.read("jornada")
        assert writable_database.read(f"jornadas({period})") == view
        assert writable_database.read(f"jornadas({period}, 1)") == view
        time_cards = [writable_database.read(f"espelho('{month}', 1)") for month in months]
        assert [writable_database.read(f"espelhos('{month}')") for month in months] == time_cards
        totals = [writable_database.read(f"espelho_totais('{month}')") for month in months]

    days = working_days(*drawn)
    locals_ = {day: [local_time(instant, zone) for instant in instants] for day, instants in days.items()}
    worked_minutes = {day: list(iterate_worked_minutes(zone, instants)) for day, instants in days.items()}
    assert rows == [
        (
            day,
            instants,
            locals_[day],
            len(instants),
            len(instants) // 2,
            len(worked_minutes[day]),
            sum(local.hour >= 22 or local.hour < 5 for local in worked_minutes[day]),
            len(instants) % 2 == 1,
            sum(after - before <= MINUTE for before, after in pairwise(instants)),
            short_rest_minutes(days, day),
            locals_[day][0],
            locals_[day][-1],
        )
        for day, instants in days.items()
    ]
    assert [row for time_card in time_cards for row in time_card if row[5]] == view
    for time_card, ((_, _, _, _, worked, minutes, night, odd, split),) in zip(time_cards, totals, strict=True):
        punched = [row for row in time_card if row[5]]
        assert (worked, minutes, night, odd, split) == (
            len(punched),
            sum(row[7] for row in punched),
            sum(row[8] for row in punched),
            sum(row[9] for row in punched),
            sum(row[11] is not None for row in punched),
        )


@st.composite
def shift_patterns(draw: st.DrawFn) -> EmployeePunches:
    """Draw up to 20 days of one shift, or of two alternating shifts, with delays and forgotten punches."""
    times = [draw(st.lists(st.integers(0, 35 * 60), min_size=1, max_size=4, unique=True)) for _ in range(2)]
    days = draw(st.lists(st.sampled_from([(), times[0], times[0], times[0], times[1]]), max_size=20))
    punches = [
        datetime(2026, 10, 1, 3, tzinfo=UTC) + number * DAY + at * MINUTE + draw(st.integers(-600, 600)) * SECOND
        for number, shift in enumerate(days)
        for at in shift
        if draw(st.integers(0, 9))
    ]
    return SAO_PAULO, draw(st.none() | st.times().map(truncate_to_minute)), punches


def better_cutoff(zone: ZoneInfo, cutoff: time | None, punches: list[datetime]) -> Row | None:
    """Return `divididos`, `sugestao`, `restantes` and `folga` by the rules of reports.md; None without punches."""
    days = working_days(zone, cutoff, punches)
    if not days:
        return None
    split_days = sum(short_rest_minutes(days, day) is not None for day in days)
    gaps_by_hour = defaultdict(list)
    for before, after in pairwise(local_time(instant, zone) for instant in sorted(map(truncate_to_minute, punches))):
        hour = before.replace(minute=0) + HOUR
        while hour <= after:
            gaps_by_hour[hour.time()].append((hour - before, after - hour))
            hour += HOUR

    def mean(spans: list[timedelta], limit: timedelta) -> Fraction:
        return Fraction(sum((min(span, limit) for span in spans), timedelta(0)) // MINUTE, len(spans))

    def rank(hour: time) -> tuple[Fraction, Fraction, int]:
        distances = gaps_by_hour[hour]
        margin = min(mean([pair[side] for pair in distances], 12 * HOUR) for side in (0, 1))
        return mean([before + after for before, after in distances], DAY), margin, -hour.hour

    best = max(gaps_by_hour, key=rank, default=None)
    remaining = None if best is None else sum(before + after < 11 * HOUR for before, after in gaps_by_hour[best])
    if best is None or remaining is None or remaining >= split_days:
        return split_days, None, None, None
    return split_days, best, remaining, int(rank(best)[0]) * MINUTE


@given(drawn=shift_patterns() | employee_punches())
@example(drawn=(SAO_PAULO, None, parse_instants(shifts("2026-10-01", 31, "06:00 22:00"))))
@property_settings
def test_cutoffs_equal_those_of_plain_python(writable_database: ReportDatabase, drawn: EmployeePunches) -> None:
    _, cutoff, punches = drawn
    with writable_database.rolled_back():
        writable_database.store_history(*drawn)
        rows = writable_database.read("cortes('-infinity', 'infinity')", "divididos, sugestao, restantes, folga")
        ((stored_cutoff,),) = writable_database.read("funcionario", "corte")

    assert stored_cutoff == cutoff
    expected = better_cutoff(*drawn)
    assert rows == ([] if expected is None else [expected])
    assert bool(rows) == bool(punches)


def test_rest_is_negative_if_the_clocks_go_back_over_the_cut_off(database: ReportDatabase) -> None:
    database.employ(1, NEW_YORK, cutoff=time(1, 30))
    # October 31 ends at 01:30. The punch at 01:45 begins November 1; half an hour later it is 01:15 again.
    database.punch(1, "2026-10-31 18:00 2026-11-01 01:45 01:15* 09:00")

    days = database.read("jornadas('2026-10-31', '2026-11-01', 1)", "dia, minutos, minutos_descanso")
    assert days == [(date(2026, 10, 31), 8 * 60 + 15, -30), (date(2026, 11, 1), 8 * 60 + 15, None)]
    assert database.read("excecoes('2026-10-31', '2026-10-31') where tipo = 'dividida'", "medida") == [(-30 * MINUTE,)]
