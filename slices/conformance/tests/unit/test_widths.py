"""The table of verdicts in 80 columns."""

import pytest

from slices.conformance import command
from slices.conformance.rules import RULES, Found, Verdict
from tests.widths import assert_fits


def judge() -> None:
    command.print_table([Verdict(rule, Found(1_000_000, [])) for rule in RULES])


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_table_fits_80_columns_and_cuts_nothing(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_fits(judge, [rule.name for rule in RULES], capsys, monkeypatch, terminal=terminal)
