"""The tables of `ponto report` in a terminal of 80 columns; those on a real database are in tests/postgres."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from slices.reports.report import exceptions, peak
from slices.reports.report.dead_letters import Group
from slices.reports.report.i18n import LANGUAGES, Language
from slices.reports.report.output import write_text
from slices.reports.report.table import Report, Table
from slices.reports.rows import ExceptionRow, IdCountRow, MinuteRow
from tests.widths import assert_fits
from tools.kit.dead_letters import reasons

ID = "3f2c5a52-5b1c-4f63-9d0b-1f6f0d7e9a11"
EMPLOYEE = 9007199254740991
NAME = "Maria Aparecida dos Santos Cavalcanti"
DEVICE = "navegador da portaria 3f2c5a52-5b1c-4f63"
AT = datetime(2026, 11, 23, 11, 3, 7, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")


def show(tables: Sequence[Table], language: Language) -> None:
    write_text(sys.stdout, Report("title", [], tables), language)


def show_peak(language: Language) -> None:
    minutes = [
        MinuteRow(AT + timedelta(minutes=at), 1_000 + at, at, at, 12_345, timedelta(hours=23, minutes=59))
        for at in range(3 * 24 * 60)
    ]
    show(peak.tables(minutes, IdCountRow(1_234_567, 123_456), ZONE, language), language)


def show_exceptions(language: Language) -> None:
    far = datetime(1970, 1, 1, 8, 3)
    kinds = ("incompleta", "longa", "dividida", "proxima", "futura", "atrasada", "reaberta", "relogio", "redefinida")
    found = (
        ExceptionRow(2, kind, EMPLOYEE, NAME, AT.date(), ID, far, DEVICE, timedelta(days=-20_782, hours=3), 1, 1)
        for kind in kinds
    )
    groups = [Group(reason, EMPLOYEE, 12_345, AT, AT) for reason in reasons()]
    show(exceptions.tables(dict.fromkeys(kinds, 12_345), found, groups, language), language)


REPORTS: dict[str, tuple[Callable[[Language], None], list[str]]] = {
    "ponto report peak": (show_peak, ["█" * 5]),
    "ponto report exceptions": (show_exceptions, [str(EMPLOYEE), *reasons()]),
}


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("draw", "wanted"), REPORTS.values(), ids=REPORTS.keys())
def test_a_table_fits_80_columns_and_cuts_nothing(
    draw: Callable[[Language], None],
    wanted: list[str],
    language: str,
    terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_fits(lambda: draw(Language(language)), wanted, capsys, monkeypatch, terminal=terminal)
