"""Corrections in the reports, and reports as of an instant."""

from datetime import date, datetime

from hypothesis import given

from slices.corrections.tests.correcting import CorrectionsDatabase, HistoryRow, counted_punches, histories, store
from slices.corrections.tests.correcting import database as database
from slices.reports.tests.reporting import (
    DAY,
    HOUR,
    SECOND,
    EmployeePunches,
    Row,
    employee_punches,
    iterate_worked_minutes,
    property_settings,
    working_days,
)

MONTH = "'2026-11-01', '2026-11-30'"
FIGURES = "dias_trabalhados, minutos, minutos_noturnos, dias_incompletos"


def test_added_punches_count_and_disregarded_ones_do_not(database: CorrectionsDatabase) -> None:
    *_, double = database.punch(1, "2026-11-03 08:00 12:00 13:00 13:01")
    database.correct(1, "inclusao", at="2026-11-03 17:00", written="2026-11-04 09:00")
    database.correct(1, "desconsideracao", alvo=double, written="2026-11-04 09:00")

    assert database.time_card(1, "2026-11") == ["2026-11-03 08:00 12:00 13:00 17:00 = 480, 0"]
    assert database.read("espelho_totais('2026-11-01', 1)", FIGURES) == [(1, 480, 0, 0)]
    assert database.read("jornada", "incluidas") == [([4],)]
    assert database.read("batida_valida", "local::time::text, origem, recebida_em is null") == [
        ("08:00:00", "batida", False),
        ("12:00:00", "batida", False),
        ("13:00:00", "batida", False),
        ("17:00:00", "inclusao", True),
    ]
    assert len(database.read("batida_local")) == 4  # the punches as they were sent


def test_late_correction_reopens_a_day_and_a_disregarded_late_punch_does_not(
    database: CorrectionsDatabase,
) -> None:
    def reopened() -> list[Row]:
        return database.read(f"excecoes({MONTH}) where tipo = 'reaberta'", "dia, medida, batidas")

    late, _ = database.punch(1, "2026-11-03 08:00 17:00", written=5 * DAY)
    assert [counted for *_, counted in reopened()] == [2]
    database.correct(1, "desconsideracao", alvo=late, written="2026-11-07 04:00")  # three days after the end of the day
    assert [counted for *_, counted in reopened()] == [1]
    database.correct(1, "inclusao", at="2026-11-03 12:00", written="2026-11-20 04:00")
    assert reopened() == [(date(2026, 11, 3), 16 * DAY, 2)]


def test_corrected_day_is_listed_as_an_exception(database: CorrectionsDatabase) -> None:
    day_columns = (1, None, date(2026, 11, 3), None, None, None)
    punch, _ = database.punch(1, "2026-11-03 08:00 17:00")
    added = database.correct(1, "inclusao", at="2026-11-03 12:00:30", written="2026-11-04 09:00")
    disregarded = database.correct(1, "desconsideracao", alvo=punch, written="2026-11-04 08:00")

    assert database.read(f"excecoes({MONTH})") == [
        ("desconsiderada", 1, None, date(2026, 11, 3), disregarded, datetime(2026, 11, 3, 8), "clock of 1", DAY, 1),
        ("incluida", 1, None, date(2026, 11, 3), added, datetime(2026, 11, 3, 12), None, 21 * HOUR - 30 * SECOND, 1),
    ]

    # The day ends at 04:00 of the 4th. Changes more than three days later reopen it.
    database.correct(1, "anulacao", alvo=added, written="2026-11-07 04:00")
    assert {row[0] for row in database.read(f"excecoes({MONTH})")} == {"incompleta", "desconsiderada"}
    database.correct(1, "anulacao", alvo=disregarded, written="2026-11-07 04:01")
    assert database.read(f"excecoes({MONTH})") == [("reaberta", *day_columns, 3 * DAY + 60 * SECOND, 1)]
    assert database.read(f"excecoes({MONTH}, momento => '2026-11-04 12:30Z')", "tipo") == [
        ("desconsiderada",), ("incluida",)
    ]  # fmt: skip
    corrections_of_day = f"correcoes({MONTH}) where dia = '2026-11-03' order by criada_em"
    assert database.read(corrections_of_day, "tipo, vale") == [
        ("desconsideracao", False), ("inclusao", False), ("anulacao", False), ("anulacao", False)
    ]  # fmt: skip


def literal(instant: datetime | None) -> str:
    return f"'{instant.isoformat()}'" if instant else "null"


def reports(database: CorrectionsDatabase, months: list[date], instant: datetime | None) -> list[list[Row]]:
    """Read every report that has the parameter `momento`, for one employee and for all."""
    as_of = f"momento => {literal(instant)}"
    return [
        database.read(report)
        for month in months
        for report in (
            f"espelho('{month}', 1, {as_of})",
            f"espelhos('{month}', {as_of})",
            f"espelho_totais('{month}', 1, {as_of})",
            f"espelho_totais('{month}', {as_of})",
            f"excecoes(primeiro_dia('{month}'), ultimo_dia('{month}'), {as_of})",
            f"correcoes(primeiro_dia('{month}'), ultimo_dia('{month}'), {as_of}) order by criada_em",
        )
    ]


@given(history=histories(employee_punches()))
@property_settings
def test_report_as_of_an_instant_equals_the_report_of_that_instant(
    database: CorrectionsDatabase, history: tuple[EmployeePunches, list[HistoryRow], datetime]
) -> None:
    employee, rows, instant = history
    months = sorted({row.ponto.date().replace(day=1) for row in rows if row.ponto})
    then = [row for row in rows if row.kind == "primeira" or row.at <= instant]
    with database.rolled_back():
        database.store_history(*employee)
        store(database, then)
        expected = reports(database, months, None)
        store(database, [row for row in rows if row not in then])
        assert reports(database, months, instant) == expected


@given(history=histories(employee_punches()))
@property_settings
def test_corrected_working_days_equal_those_computed_in_python(
    database: CorrectionsDatabase, history: tuple[EmployeePunches, list[HistoryRow], datetime]
) -> None:
    (zone, cutoff, _), rows, instant = history
    with database.rolled_back():
        database.store_history(zone, cutoff, [])
        store(database, rows)
        found = {
            at: database.read(
                f"jornadas('-infinity', 'infinity', 1, {literal(at)})",
                "dia, pontos, minutos, minutos_noturnos, incompleta",
            )
            for at in (None, instant)
        }
        for at in found:
            all_days = f"('-infinity', 'infinity', 1, {literal(at)})"
            additions = (
                database.read(f"correcoes{all_days} where vale and tipo = 'inclusao' order by id", "id"),
                database.read(f"batidas{all_days} where origem = 'inclusao' order by id", "id"),
            )
            assert additions[0] == additions[1]

    for at, days in found.items():
        expected = working_days(zone, cutoff, counted_punches(rows, at))
        minutes = {day: list(iterate_worked_minutes(zone, instants)) for day, instants in expected.items()}
        assert days == [
            (
                day,
                instants,
                len(minutes[day]),
                sum(local.hour >= 22 or local.hour < 5 for local in minutes[day]),
                len(instants) % 2 == 1,
            )
            for day, instants in expected.items()
        ]
