"""The table of corrections in 80 columns."""

from datetime import UTC, datetime

import pytest

from slices.corrections import command
from slices.corrections.rows import ListedCorrectionRow
from tests.widths import assert_fits

ID = "3f2c5a52-5b1c-4f63-9d0b-1f6f0d7e9a11"
EMPLOYEE = 9007199254740991
ARN = "arn:aws:sts::123456789012:assumed-role/people/maria@example.com"
REASON = "Maria Aparecida dos Santos Cavalcanti" * 5
AT = datetime(2026, 11, 23, 11, 3, 7, tzinfo=UTC)


def list_corrections() -> None:
    local = AT.replace(tzinfo=None)
    listed = ListedCorrectionRow(AT, ID, "desconsideracao", True, EMPLOYEE, AT, local, ID, REASON, ARN)
    command.print_table([listed])


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_table_fits_80_columns_and_cuts_nothing(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_fits(list_corrections, [ID, str(EMPLOYEE), "2026-11-23 11:03"], capsys, monkeypatch, terminal=terminal)
