"""`ponto person` on a real database, with moto's SQS, and calls of the handler instead of Lambda."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from ponto.punch import Punch
from slices.reports.report import period
from slices.reports.tests import company
from slices.reports.tests.company import NOW
from slices.reports.tests.company import database as database
from slices.reports.tests.company import url as url
from tests import commands
from tests.aws import Calls, refusal, skip_long_polling, stack
from tests.commands import CommandResult, write_stack_with_database
from tests.database import Database
from tests.events import aws, punch
from tests.functions import Functions
from tools.kit.output import camel_case

# Name and time zone of employee 106, and a punch of 2024 with all fields (FULL_PUNCH), in December by that time zone.
EMPLOYEE_106_ROWS = """
insert into funcionario (usuario_id, nome, cpf, fuso) values (106, 'Lia <Prado>', '39053344705', 'Asia/Tokyo');
insert into batida (
    id, usuario_id, ponto, deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, sequencia,
    recebida_em, gravada_em, mensagem_id, chave
) values (
    '0190163d-8694-739b-aea5-966c26f8ad91', 106, '2024-11-30T20:00:00.5Z', -180, 'tablet', true,
    '2024-11-30T20:00:01Z', -23.5, -46.25, 12.5, 7, '2024-11-30T20:00:02Z', '2024-11-30T20:00:03Z', 'm1', 'k1'
);
"""
FULL_PUNCH = {
    "id": "0190163d-8694-739b-aea5-966c26f8ad91",
    "usuarioId": 106,
    "ponto": "2024-11-30T20:00:00.500000Z",
    "deslocamento": -180,
    "dispositivo": "tablet",
    "offline": True,
    "enviado": "2024-11-30T20:00:01Z",
    "latitude": -23.5,
    "longitude": -46.25,
    "precisao": 12.5,
    "recebidaEm": "2024-11-30T20:00:02Z",
    "gravadaEm": "2024-11-30T20:00:03Z",
    "mensagemId": "m1",
    "chave": "k1",
    "sequencia": 7,
}


DEV_BACKUPS = (
    "Backups of the database: until Dec 2, 2026, if everything is erased today; copies made by operators: until they "
    "are deleted."
)
UNKNOWN_BACKUPS = DEV_BACKUPS.replace(
    "until Dec 2, 2026, if everything is erased today",
    "as long as the administrators of the database keep them",
)


unchanged_database = company.shared_database(EMPLOYEE_106_ROWS)


class Stage:
    """The stage `dev` with the company and its dead letters, and a local stack with the same database and queue."""

    def __init__(self, database: Database, calls: Calls, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.database = database
        self.functions = Functions(database.url, "ponto_reader")
        self.stubs = calls.stubs
        sqs: Any = boto3.client("sqs")
        url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.outputs = {"QueueUrl": url, "DeadLetterQueueUrl": url, "ApiId": "abc", "ApiUrl": "https://abc"}
        self.outputs["BackupDays"] = "1"
        self.stubs |= {"DescribeStacks": lambda *_: stack(**self.outputs), "Invoke": self.functions.invoke}
        self.state = write_stack_with_database(folder, database.url, url, "https://sqs.us-east-1.amazonaws.com")
        self.folder = folder / "out"
        self._ponto = commands.runner(capsys, "person")
        self.dead_letters = [
            sqs.send_message(
                QueueUrl=url, MessageBody=body, MessageAttributes=_string_attributes(**{"reason": "identity"} | more)
            )
            for body, more in (
                (punch(106, "2026-11-28T08:00-03:00", dispositivo="refused"), {}),
                (punch(107, "2026-11-28T08:00-03:00"), {"usuarioId": "106", "reason": "made up"}),
                (punch(107, "2026-11-28T09:00-03:00", dispositivo="of 107"), {"usuarioId": "107"}),
                ("106", {}),
            )
        ]

    def run(self, employee_id: int = 106, *words: object) -> CommandResult:
        """Run `ponto person` with --stage."""
        return self._ponto(employee_id, "--output", self.folder, "--stage", "dev", *words)

    def run_locally(self, employee_id: int = 106, *words: object) -> CommandResult:
        """Run `ponto person` on the local stack."""
        return self._ponto(employee_id, "--output", self.folder, "--state", self.state, *words)

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Return the only column of a statement's rows."""
        return [value for (value,) in self.database.execute(statement, *values)]

    def fields(self, table: str) -> set[str]:
        """Return the JSON names of the columns of a table."""
        columns = self.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped", table
        )
        return set(camel_case(dict.fromkeys(columns)))

    def text(self, suffix: str = "json", employee_id: int = 106) -> str:
        return (self.folder / f"employee-{employee_id}.{suffix}").read_text(encoding="utf-8")


def _string_attributes(**texts: str) -> Any:
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}


@pytest.fixture
def dev(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    with aws(), closing(Database(database)) as database_:
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.setattr(period, "now", NOW.astimezone)
        calls = Calls(monkeypatch)
        calls.stubs["ReceiveMessage"] = skip_long_polling
        yield Stage(database_, calls, tmp_path, capsys)


def test_files_have_all_data_of_the_employee_and_none_of_others(dev: Stage) -> None:
    result = dev.run(106, "--json")

    document = json.loads(dev.text())
    assert result.status == 0
    assert result.json == {
        "files": [str(dev.folder / f"employee-106.{suffix}") for suffix in ("json", "html")],
        "punches": 7,
        "corrections": 0,
        "timeCards": 2,
        "deadLetters": 2,
    }
    assert document["funcionario"]["cpf"] == "39053344705"
    assert [row["id"] for row in document["batidas"]] == dev.execute(
        "select id::text from batida where usuario_id = 106 order by ponto, id"
    )
    assert document["batidas"][0] == camel_case(dict.fromkeys(Punch._fields)) | FULL_PUNCH
    for table, row in (("batida", document["batidas"][0]), ("funcionario", document["funcionario"])):
        assert set(row) == dev.fields(table), table
    assert document["correcoes"] == []
    assert "Latitude: -23.5" in dev.text("html")
    assert [each["mes"] for each in document["espelhos"]] == ["2024-12", "2026-11"]
    assert [sum(day["batidas"] for day in each["dias"]) for each in document["espelhos"]] == [1, 6]
    assert [letter["id"] for letter in document["naoGravadas"]] == [
        letter["MessageId"] for letter in dev.dead_letters[:2]
    ]
    assert "refused" in document["naoGravadas"][0]["body"]
    values_of_others = dev.execute(
        "select id::text from batida where usuario_id <> 106 union select nome from funcionario where usuario_id <> 106"
    )
    assert len(values_of_others) > 100
    for text in (dev.text(), dev.text("html")):
        assert "of 107" not in text
        assert [value for value in values_of_others if value in text] == []


def test_function_and_connection_return_the_same_files(dev: Stage) -> None:
    require_same_files(dev)


def require_same_files(dev: Stage) -> None:
    """Assert that --stage and the local stack write the same files, except for the sentence on backups."""
    assert dev.run().status == 0
    by_function, page = dev.text(), dev.text("html")

    assert dev.run_locally(106, "--force").status == 0

    def without_backups(backups: str, text: str) -> Any:
        document = json.loads(text)
        document["ondeMais"].remove(backups)
        for letter in document["naoGravadas"]:  # they change each time the queue is read
            del letter["receives"], letter["systemAttributes"]
        return document

    assert without_backups(UNKNOWN_BACKUPS, dev.text()) == without_backups(DEV_BACKUPS, by_function)
    assert dev.text("html") == page.replace(DEV_BACKUPS, UNKNOWN_BACKUPS) != page


def test_only_the_user_may_read_the_files_and_none_is_overwritten(dev: Stage) -> None:
    assert dev.run().status == 0
    assert dev.folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in sorted(dev.folder.iterdir())] == [0o600, 0o600]
    (dev.folder / "employee-106.json").unlink()

    refused = dev.run()

    assert refused.status == 2
    assert "employee-106.html exists" in refused.err
    assert not (dev.folder / "employee-106.json").exists()
    assert dev.run(106, "--force").status == 0
    assert json.loads(dev.text())["usuarioId"] == 106


def test_unreadable_queue_is_reported(dev: Stage) -> None:
    dev.stubs["ReceiveMessage"] = refusal("AccessDenied")

    result = dev.run()

    assert result.status == 1
    assert "the dead-letter queue was not read: AWS refused" in result.err
    assert json.loads(dev.text())["naoGravadas"] is None
    assert "The dead-letter queue was not read: AWS refused" in dev.text("html")


def test_unknown_employee_has_no_files(dev: Stage) -> None:
    result = dev.run(999)

    assert (result.status, result.out) == (1, "")
    assert "nothing is stored about employee 999; no file was written" in result.err
    assert not dev.folder.exists()


def test_no_value_is_printed_or_logged(dev: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "ponto")

    result = dev.run()

    logged = dev.functions.log.getvalue() + caplog.text + result.out + result.err
    assert "person_punches" in logged
    assert [value for value in ("Prado", "39053344705", "tablet", "-23.5", "0190163d") if value in logged] == []
