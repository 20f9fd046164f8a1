"""Texts, formats and options of the reports, without a database."""

import csv
import io
import re
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponto.fields import INVISIBLE_CHARACTERS
from slices.reports.report import card
from slices.reports.report.card import Card, Day
from slices.reports.report.exceptions import format_reason
from slices.reports.report.i18n import LANGUAGES, Language
from slices.reports.report.output import write_csv
from slices.reports.report.period import Days
from slices.reports.report.table import ReportColumn, ReportTable
from slices.reports.rows import TotalsRow
from tools.cli import main
from tools.kit.dead_letters import reasons
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
EMPTY_TOTALS = TotalsRow(1, None, None, "UTC", 1, 0, 0, 0, 0)


def build_day(*punches: tuple[str, float], dia: date = date(2026, 11, 2)) -> Day:
    """Return a day of punches, each a local time and its UTC offset in hours."""
    locais = [datetime.fromisoformat(text) for text, _ in punches]
    pontos = [
        (local - timedelta(hours=offset)).replace(tzinfo=UTC)
        for local, (_, offset) in zip(locais, punches, strict=True)
    ]
    return Day(
        1, None, dia, pontos, locais, len(punches), len(punches) // 2, 0, 0, False, 0, None, None, None, None, [], []
    )


# Texts


def test_both_languages_have_the_same_texts_with_the_same_placeholders() -> None:
    words = tomllib.loads((ROOT / "slices" / "reports" / "report" / "i18n.toml").read_text(encoding="utf-8"))

    def placeholders(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)

    for section, texts in ((section, texts) for section, names in words.items() for texts in names.values()):
        assert sorted(texts) == sorted(LANGUAGES), (section, texts)
        assert len({tuple(placeholders(text)) for text in texts.values()}) == 1, (section, texts)


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_type_of_exception_and_every_dead_letter_reason_has_a_text(name: str) -> None:
    language = Language(name)
    view = (ROOT / "slices" / "reports" / "schema" / "views" / "08_exceptions.sql").read_text(encoding="utf-8")
    types = re.findall(r"(?:^ *\(|select )'(\w+)', ", view, re.MULTILINE)
    assert len(types) == 11
    for type_ in types:
        assert language.word("kind", type_)
    for reason in reasons():
        assert format_reason(reason, language).startswith(f"{reason}: ")


@pytest.mark.parametrize(
    ("name", "number", "day", "month", "date_time", "weekday"),
    [
        ("en", "10,000.5", "Nov 2, 2026", "November 2026", "Nov 2, 2026, 08:05", "Mon"),
        ("pt", "10.000,5", "02/11/2026", "novembro de 2026", "02/11/2026, 08:05", "seg"),
    ],
)
def test_numbers_and_dates_have_the_format_of_the_language(
    name: str, number: str, day: str, month: str, date_time: str, weekday: str
) -> None:
    language = Language(name)
    when = datetime(2026, 11, 2, 8, 5)

    assert language.number(10_000.5) == number
    assert language.date(when.date()) == day
    assert language.month(when.date()) == month
    assert language.date_time(when) == date_time
    assert language.weekday(when.date()) == weekday


@pytest.mark.parametrize(
    ("span", "formatted"),
    [
        ({"seconds": 0}, "0 s"),
        ({"seconds": 0.25}, "0.2 s"),
        ({"seconds": 9.96}, "10 s"),
        ({"seconds": 59.9}, "59 s"),
        ({"seconds": 60}, "1 min"),
        ({"seconds": 90}, "1 min 30 s"),
        ({"minutes": -7}, "\N{MINUS SIGN}7 min"),
        ({"hours": 10, "minutes": 1}, "10 h 1 min"),
        ({"days": 1, "seconds": -1}, "23 h 59 min"),
        ({"days": 4, "hours": 8}, "4 d 8 h"),
        ({"days": 5_000}, "5,000 d"),
    ],
)
def test_duration_has_its_two_largest_units(span: dict[str, float], formatted: str) -> None:
    assert Language("en").span(timedelta(**span)) == formatted


# Figures


def print_to_text(*cards: Card) -> str:
    out = io.StringIO()
    card.print_cards(out, cards, "", "", "now", Language("en"))
    return out.getvalue()


def test_day_with_two_utc_offsets_shows_both() -> None:
    day = build_day(("2026-11-02T23:30", 5.5), ("2026-11-02T23:10", -2))

    assert "23:30(+05:30) 23:10(\N{MINUS SIGN}02)" in print_to_text(Card(day.dia, EMPTY_TOTALS, [day]))


# CSV


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_csv_text_round_trips_and_is_never_a_formula(name: str) -> None:
    out = io.StringIO(newline="")
    write_csv(out, ReportTable([ReportColumn("nome")], [[name]]))

    (row,) = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
    assert row["nome"].replace("'", "") == name.replace("\r", " ").replace("'", "")
    cells = re.split('[;,\t\n"]', row["nome"])  # separators of spreadsheets
    assert [cell for cell in cells if re.match(f"[{INVISIBLE_CHARACTERS}]*[-=+@\uff1d\uff0b\uff0d\uff20]", cell)] == []


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1", "'=1"),
        ("\n=1", "\n'=1"),
        ("\uff1d1", "'\uff1d1"),
        *(
            (f"{invisible}=1", f"{invisible}'=1")
            for invisible in ("\ufeff", "\u2060", "\u200b", "\u3164", "\u00ad", "\U000e0041")
        ),
        ("x;=HYPERLINK(1)", "x;'=HYPERLINK(1)"),
        ("x\t -1", "x\t '-1"),
        ("d'Ávila, Ana-Maria", "d'Ávila, Ana-Maria"),
        ("portaria 2+3", "portaria 2+3"),
        (timedelta(seconds=-420), "-420"),
    ],
)
def test_apostrophe_precedes_a_formula_of_a_spreadsheet(value: object, written: str) -> None:
    out = io.StringIO()

    write_csv(out, ReportTable([ReportColumn("a"), ReportColumn("b")], [[value, 1]]), ";")

    assert list(csv.reader(io.StringIO(out.getvalue()), delimiter=";")) == [["a", "b"], [written, "1"]]


def test_cpf_has_punctuation_so_that_a_spreadsheet_keeps_its_zeros() -> None:
    out = io.StringIO()

    write_csv(out, ReportTable([ReportColumn("usuario_id"), ReportColumn("cpf")], [[191, "00000000191"], [192, None]]))

    assert out.getvalue() == "usuario_id,cpf\n191,000.000.001-91\n192,\n"


def test_time_card_as_text_takes_milliseconds() -> None:
    shift = [
        build_day(*((f"2026-11-02T{at}", -3) for at in ("08:00", "12:00", "13:00", "18:00")))._replace(minutos=540)
    ]

    started = time.process_time()  # processor time does not depend on other processes
    text = print_to_text(*[Card(date(2026, 11, 1), EMPTY_TOTALS, 30 * shift)] * 300)

    assert time.process_time() - started < 1.5  # rich's tables took 5 s
    assert text.count("08:00 12:00  13:00 18:00    9:00") == 9_000


# Days, instants, and the command line


NOON = datetime(2026, 12, 1, 12, tzinfo=SAO_PAULO)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (lambda: Days(None, date(2026, 11, 2), date(2026, 11, 1)).bounds(NOON.date()), "is after"),
        (lambda: Days(None, date(2020, 1, 1), date(2026, 11, 1)).bounds(NOON.date()), "are more than a year apart"),
    ],
)
def test_invalid_bounds_are_refused(bounds: Callable[[], object], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        bounds()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("timecard --employee 1 --all --month 2026-11", "not allowed with"),
        ("totals --month 2026-11 --database env --stage dev", "--database is not allowed with --stage"),
        ("timecard --month 2026-11", "Missing option '--all' or '--employee'"),
        ("exceptions --skew 52143w", "'52143w' is not a length of time"),
        ("exceptions --final-days -1", "-1 is not in the range 0<=x<=100000"),
        ("totals --month 2026-11 --as-of 9999-12-31T23:30", "'9999-12-31T23:30': the years are 2000 to 2099"),
    ],
)
def test_wrong_option_value_is_reported_with_an_example(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *line.split()]) == 2
    assert message in capsys.readouterr().err
