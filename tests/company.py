"""The small company of `tests/golden/company.sql`, and how tests ask for its reports."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import commands
from tests.commands import Run as Run
from tests.database import ask
from tools.report import period

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 12, 1, 12, 34, 56, tzinfo=UTC)
MONTH = ("--month", "2026-11")
NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")


def fill(url: str, statement: str | None = None, *values: object) -> None:
    """Run a statement in the database, or insert the company."""
    ask(url, statement or (GOLDEN / "company.sql").read_text(encoding="utf-8"), *values)


def write_stack(folder: Path, url: str, dlq_url: str = "", aws: str = "http://127.0.0.1:9") -> Path:
    """Make the folder of a local stack with that database; without a queue, nobody listens on port 9."""
    return commands.write_stack(
        folder,
        database_url=url,
        queue_url=dlq_url,
        dlq_url=dlq_url,
        aws_endpoint_url=aws,
        aws_access_key_id="LOCAL",
    )


def runner(state: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs `ponto report` at `NOW`, whatever the developer's environment says."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        patch.delenv(name, raising=False)
    patch.setattr(period, "now", NOW.astimezone)

    ponto = commands.runner(capsys, "report")
    return lambda *words: ponto(*words, "--state", state)
