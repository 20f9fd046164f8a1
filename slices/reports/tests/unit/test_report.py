"""Texts, formats and options of the reports, without a database."""

import csv
import io
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponto.shared.fields import INVISIBLE_CHARACTERS
from slices.reports.report.exceptions import format_reason
from slices.reports.report.i18n import LANGUAGES, Language
from slices.reports.report.output import write_csv
from slices.reports.report.period import Days
from slices.reports.report.table import ReportColumn, ReportTable
from tools.kit.dead_letters import reasons
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
# Texts


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
    ("span", "formatted"),
    [
        ({"seconds": 0.25}, "0.2 s"),
        ({"seconds": 9.96}, "10 s"),
        ({"seconds": 59.9}, "59 s"),
        ({"seconds": 90}, "1 min 30 s"),
        ({"minutes": -7}, "\N{MINUS SIGN}7 min"),
        ({"days": 1, "seconds": -1}, "23 h 59 min"),
        ({"days": 4, "hours": 8}, "4 d 8 h"),
        ({"days": 5_000}, "5,000 d"),
    ],
)
def test_duration_has_its_two_largest_units(span: dict[str, float], formatted: str) -> None:
    assert Language("en").span(timedelta(**span)) == formatted


# CSV


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_csv_text_round_trips_and_is_never_a_formula(name: str) -> None:
    out = io.StringIO(newline="")
    write_csv(out, ReportTable([ReportColumn("nome")], [[name]]))

    (row,) = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
    assert row["nome"].replace("'", "") == name.replace("\r", " ").replace("'", "")
    cells = re.split('[;,\t\n"]', row["nome"])  # separators of spreadsheets
    assert [cell for cell in cells if re.match(f"[{INVISIBLE_CHARACTERS}]*[-=+@\uff1d\uff0b\uff0d\uff20]", cell)] == []


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
