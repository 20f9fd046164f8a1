"""Employees that `ponto report changes` lists after any change of punches, corrections, time zone and cut-off."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from slices.corrections.tests.correcting import CorrectionsDatabase, HistoryRow, counted_punches, histories, store
from slices.corrections.tests.correcting import database as database
from slices.reports.statements import CHANGES
from slices.reports.tests.reporting import (
    DAY,
    HOUR,
    SAO_PAULO,
    SECOND,
    EmployeePunches,
    Row,
    property_settings,
    truncate_to_minute,
    working_days,
)

MONTHS = [date(2026, 10, 1), date(2026, 11, 1)]
MONTH_END = datetime(2026, 11, 1, tzinfo=UTC)

Rule = tuple[ZoneInfo, time | None]  # zone and cut-off
Days = dict[date, list[datetime]]

WESTMOST, EASTMOST = ZoneInfo("Etc/GMT+12"), ZoneInfo("Pacific/Kiritimati")
EARLIEST_DAY_RULE, LATEST_DAY_RULE = (WESTMOST, time(23, 59)), (EASTMOST, time(0))
# October 31 by EARLIEST_DAY_RULE, November 3 by LATEST_DAY_RULE
OCTOBER_END_PUNCH = datetime(2026, 11, 2, 10, 59, tzinfo=UTC)
# October 1 by LATEST_DAY_RULE, September 28 by EARLIEST_DAY_RULE
OCTOBER_START_PUNCH = datetime(2026, 9, 30, 10, 0, tzinfo=UTC)


def single_punch_history(rule: Rule, at: datetime) -> tuple[EmployeePunches, list[HistoryRow], datetime]:
    """Return the history of one punch that was written at once."""
    return (*rule, []), [HistoryRow(at, "batida", "00000000-0000-0000-0000-000000000000", at, None)], at


zones = st.sampled_from([WESTMOST, SAO_PAULO, ZoneInfo("Europe/London"), ZoneInfo("Asia/Tokyo"), EASTMOST])
cutoffs = st.none() | st.sampled_from([time(0), time(14), time(23, 59)]) | st.times().map(truncate_to_minute)


@st.composite
def month_ends(draw: st.DrawFn) -> EmployeePunches:
    """Draw a zone, a cut-off and the punches of some days around the end of October."""
    seconds = draw(st.lists(st.integers(-4 * 86_400, 4 * 86_400), max_size=8))
    return draw(zones), draw(cutoffs), [MONTH_END + number * SECOND for number in seconds]


def changes(database: CorrectionsDatabase, month: date, since: datetime, until: datetime | None) -> list[Row]:
    """Return the rows of `changes` for all employees."""
    values = {"mes": month, "employee_ids": None, "momento": until, "antes": since}
    with database.session.cursor() as cursor:
        cursor.execute(CHANGES.sql, values)
        return cursor.fetchall()


def days_in_month(month: date, rule: Rule, punches: list[datetime], margin: timedelta = timedelta(0)) -> Days:
    """Return the punches of each working day of a month, extended by a margin at both ends."""
    first, last = month - margin, (month + 31 * DAY).replace(day=1) - DAY + margin
    return {day: instants for day, instants in working_days(*rule, punches).items() if first <= day <= last}


@given(
    history=histories(month_ends()),
    new_rule=st.none() | st.tuples(zones, cutoffs),
    hours=st.none() | st.integers(1, 20),
)
@example(history=single_punch_history(EARLIEST_DAY_RULE, OCTOBER_END_PUNCH), new_rule=LATEST_DAY_RULE, hours=None)
@example(history=single_punch_history(LATEST_DAY_RULE, OCTOBER_START_PUNCH), new_rule=EARLIEST_DAY_RULE, hours=None)
@property_settings
def test_changes_list_changed_months_and_equal_ones_only_after_a_zone_change(
    database: CorrectionsDatabase,
    history: tuple[EmployeePunches, list[HistoryRow], datetime],
    new_rule: Rule | None,
    hours: int | None,
) -> None:
    (zone, cutoff, _), rows, since = history
    current_rule = new_rule or (zone, cutoff)
    until = since + hours * HOUR if hours else None
    with database.rolled_back():
        database.store_history(zone, cutoff, [])
        database.execute("update funcionario set zona_mudou_em = %s", since)  # not after `since`
        store(database, rows)
        database.execute("update funcionario set fuso = %s, corte = %s", current_rule[0].key, current_rule[1])
        ((rule_changed,),) = database.execute("select zona_mudou_em > %s from funcionario", since)
        listed = {month: changes(database, month, since, until) for month in MONTHS}

    then, now = counted_punches(rows, since), counted_punches(rows, until)
    for month, found in listed.items():
        before, after = days_in_month(month, current_rule, then), days_in_month(month, current_rule, now)
        is_near = any(days_in_month(month, current_rule, punches, margin=3 * DAY) for punches in (then, now))
        assert bool(found) == (before != after or (rule_changed and is_near))
        assert found or days_in_month(month, (zone, cutoff), then) == after
        # The two columns are the days worked then and now.
        assert [row[3:5] for row in found] == [(len(before), len(after))] * len(found)
