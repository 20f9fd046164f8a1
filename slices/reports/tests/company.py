"""The small company of `golden/company.sql`, and how tests ask for its reports."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from slices.reports.report import period
from tests import commands
from tests.commands import Run as Run
from tests.database import ask

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 12, 1, 12, 34, 56, tzinfo=UTC)
MONTH = ("--month", "2026-11")
NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")


def fill(url: str, statement: str | None = None, *values: object) -> None:
    """Run a statement in the database, or insert the company."""
    ask(url, statement or (GOLDEN / "company.sql").read_text(encoding="utf-8"), *values)


def runner(state: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs `ponto report` at `NOW`, whatever the developer's environment says."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        patch.delenv(name, raising=False)
    patch.setattr(period, "now", NOW.astimezone)

    ponto = commands.runner(capsys, "report")
    return lambda *words: ponto(*words, "--state", state)
