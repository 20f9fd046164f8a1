"""The small company of `golden/company.sql`, and fixtures and helpers for its reports."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from slices.reports.report import period
from tests import commands
from tests.aws import Calls, skip_long_polling
from tests.commands import Run as Run
from tests.database import cloned, execute
from tests.events import aws
from tests.functions import stub_functions
from tools.kit.project import ROOT

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = ROOT / "slices" / "reports" / "report" / "templates"
NOW = datetime(2026, 12, 1, 12, 34, 56, tzinfo=UTC)
MONTH = ("--month", "2026-11")
NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")


def fill(url: str, statement: str | None = None, *values: object) -> None:
    """Run a statement in the database, or insert the company."""
    execute(url, statement or (GOLDEN / "company.sql").read_text(encoding="utf-8"), *values)


NUMBERED_PUNCHES = """
insert into ponto.funcionario (usuario_id, nome) values (108, E'\\x1b[2J\\u009b[red]Eve\\u2067\\u202e');
insert into ponto.batida (id, usuario_id, ponto, dispositivo, sequencia, recebida_em, chave)
select gen_random_uuid(), 108, at, '=gate', number, at + interval '2 seconds', 'gate'
from (values (2, 1), (3, 2), (4, 5), (5, 5)) as punch (day, number), make_timestamptz(2026, 11, day, 8, 0, 0) as at
"""
"""Punches with device numbers, of which two are missing and one is repeated, and a name with control characters."""


def shared_database(*statements: str) -> Any:
    """Return a fixture of the URI of the company's database with more rows, for modules that do not change it."""

    @pytest.fixture(scope="module")
    def database(postgres: str, template_database: str) -> Iterator[str]:
        with cloned(postgres, template_database) as url:
            for statement in (None, *statements):
                fill(url, statement)
            yield url

    return database


unchanged_database = shared_database()
numbered_database = shared_database(NUMBERED_PUNCHES)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The URI of the company's database: of `url` if the test uses that fixture, otherwise of a shared one."""
    name = next((name for name in ("url", "numbered_database") if name in request.fixturenames), "unchanged_database")
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def url(migrated_url: str) -> str:
    """The URI of the company's database for a test that changes it."""
    fill(migrated_url)
    return migrated_url


def runner(url: str, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *queue: str) -> Run:
    """Return a function that runs `ponto report` at `NOW` on a local stack.

    Args:
        url: URI of its database.
        folder: folder of the stack.
        queue: URL of its dead-letter queue, and the AWS endpoint; by default no endpoint is reachable.
    """
    patch.setattr(period, "now", NOW.astimezone)
    stub_functions(patch, url)
    state = commands.write_stack_with_database(folder, url, *queue)
    ponto = commands.runner(capsys, "report")
    return lambda *words: ponto(*words, "--state", state)


@pytest.fixture
def dlq(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a dead-letter queue with three messages."""
    with aws():
        Calls(monkeypatch).stubs["ReceiveMessage"] = skip_long_polling
        sqs = boto3.client("sqs", region_name="us-east-1")
        queue = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        for reason, received, body in (
            ("conflict", 1_793_620_800_000, '{"usuarioId": 102, "ponto": "2026-11-02T08:00-03:00"}'),
            ("conflict", 1_793_707_200_000, '{"usuarioId": 102, "ponto": "2026-11-03T08:00-03:00"}'),
            ("malformed", 1_793_707_200_000, "<script>alert(2)</script>"),
        ):
            texts = {"reason": reason, "messageId": f"message-{received}", "receivedAt": str(received)}
            sqs.send_message(
                QueueUrl=queue,
                MessageBody=body,
                MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
            )
        yield queue


def require_golden(file: Path, words: tuple[str, ...], run: Run) -> None:
    """Assert that a report equals a golden file named NAME.LANGUAGE.FORMAT; `GOLDEN=write` writes the file."""
    _, language, form = file.name.split(".")
    printed = run(*words, "--lang", language, "--format", {"txt": "text"}.get(form, form)).out
    if form == "txt" and words[0] != "timecard":  # its notes are not wrapped
        assert max(map(len, printed.splitlines())) <= 80
    # The style is the same on every page.
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8").removesuffix("\n")
    printed = printed.replace(f"<style>\n{style}</style>", "<style></style>")
    if os.environ.get("GOLDEN") == "write":
        file.write_text(printed, encoding="utf-8")
    assert printed == file.read_text(encoding="utf-8")
