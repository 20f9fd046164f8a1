"""`ponto trace` with a real database; moto replaces SQS and CloudWatch, and a call of the handler replaces Lambda."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from ponto.drain.parser import parse
from ponto.punch import EVENT
from tests.aws import Calls, refusal, stack
from tests.commands import CommandResult, Run, runner, write_stack_with_database
from tests.events import RECEIVED_MS, aws, punch
from tests.functions import Functions
from tests.postgres.storing import add_punch
from tools.kit import event, queue_reader
from tools.operate.trace.command import INSTANT_KEY

ID = "0190163d-8694-739b-aea5-966c26f8ad91"
ID_AT_NIGHT = "0190163d-8694-739b-aea5-966c26f8ad92"
UNKNOWN_ID = "0190163d-8694-739b-aea5-966c26f8ad93"
MESSAGE = "5fea7756-0ea4-451a-a703-a558b933e274"
DEVICE = "gate-1" if EVENT.device else None
ROWS: list[tuple[int, str, dict[str, Any]]] = [
    (7, "2026-11-24T11:00:01.234Z", {"id": ID, "gravada_em": "2026-11-24T11:00:02Z", "mensagem_id": "m1"}),
    (7, "2026-11-24T23:00Z", {"id": ID_AT_NIGHT, "recebida_em": None, "chave": None}),
    (7, "2026-11-25T08:00Z", {}),
    (8, "2026-11-24T11:00Z", {}),
]
ROW = {
    "id": ID,
    "employee": event.subject(7),
    INSTANT_KEY: "2026-11-24T11:00:00.000Z",
    "received": "2026-11-24T11:00:01.234Z",
    "written": "2026-11-24T11:00:02.000Z",
    "key": "k1",
    "messageId": "m1",
    "device": DEVICE,
}
DAY = ("--employee", event.subject(7), "--day", "2026-11-24")
ACCESS_DENIED = refusal("AccessDenied")


def rows(result: CommandResult) -> list[dict[str, Any]]:
    """Return the rows of a result with the base's keys; slices may add keys."""
    return [{name: row[name] for name in ROW} for row in result.json["rows"]]


def derive_punch_id(body: str) -> str:
    """Return the derived id of a punch without an id."""
    return parse(body, UTC).id


def text(value: object) -> Any:
    return {"DataType": "String", "StringValue": str(value)}


class Stage:
    """The deployed stage `dev`, with fakes of its resources."""

    def __init__(self, url: str, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.queue_url = self.sqs.create_queue(QueueName="punches")["QueueUrl"]
        self.dlq_url = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.functions = Functions(url, "ponto_reader")
        self.mapping: dict[str, Any] = {"State": "Enabled"}
        self.calls = calls
        self.stubs = calls.stubs
        self.stubs |= {
            "DescribeStacks": stack(
                QueueUrl=self.queue_url, DeadLetterQueueUrl=self.dlq_url, ApiId="abc", ApiUrl="https://abc"
            ),
            "Invoke": self.functions.invoke,
            "ListEventSourceMappings": {"EventSourceMappings": [{"UUID": "m"}]},
            "GetEventSourceMapping": lambda *_: self.mapping,
        }
        self._ponto = runner(capsys, "trace")

    def run(self, *words: object) -> CommandResult:
        return self._ponto("--stage", "dev", *words)

    def dead_letter(self, body: str, **attributes: object) -> str:
        message_attributes = {name: text(value) for name, value in attributes.items()}
        return str(
            self.sqs.send_message(QueueUrl=self.dlq_url, MessageBody=body, MessageAttributes=message_attributes)[
                "MessageId"
            ]
        )

    def reject(self, body: str, reason: str = "refused") -> str:
        return self.dead_letter(body, reason=reason, detail="why", messageId="m9", receivedAt=RECEIVED_MS)


@pytest.fixture
def dev(migrated_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Stage]:
    for employee_id, received, columns in ROWS:
        at = datetime.fromisoformat(received).replace(second=0, microsecond=0)
        defaults = {
            "recebida_em": received,
            "gravada_em": at,
            "chave": "k1",
            **({EVENT.device: DEVICE} if EVENT.device else {}),
        }
        add_punch(migrated_url, employee_id, at, **defaults | columns)
    with aws():
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.setattr(queue_reader, "WAIT_SECONDS", 0)
        yield Stage(migrated_url, Calls(monkeypatch), capsys)


def put_metric(namespace: str, name: str, value: float) -> None:
    """Put a value of a minute ago into CloudWatch."""
    dimensions = {"Name": "FunctionName", "Value": "batida-ponto-dev-batidaPonto"}
    if namespace == "AWS/SQS":
        dimensions = {"Name": "QueueName", "Value": "punches"}
    instant = datetime.now(UTC) - timedelta(minutes=1)
    data: Any = {"MetricName": name, "Dimensions": [dimensions], "Timestamp": instant, "Value": value}
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


# Rows


def test_row_has_times_key_and_message(dev: Stage) -> None:
    dev.reject(punch(7, "2026-11-24T11:00:00Z"))

    result = dev.run(ID.upper(), "--json")

    assert (result.status, rows(result), result.json["deadLetters"]) == (0, [ROW], [])
    assert result.json["queue"] is None  # the punch is stored, so the queue is not read
    text_result = dev.run(ID)
    assert text_result.status == 0
    lines = text_result.out.splitlines()[: 8 if DEVICE else 7]
    assert [line.split() for line in lines] == [
        ["row", ID],
        ["employee", str(event.subject(7))],
        [INSTANT_KEY, "2026-11-24T11:00:00.000Z"],
        ["received", "2026-11-24T11:00:01.234Z"],
        ["written", "2026-11-24T11:00:02.000Z"],
        ["key", "k1"],
        ["message", "m1"],
        *([["device", DEVICE]] if DEVICE else []),
    ]


def test_row_has_the_other_fields_of_the_event(dev: Stage) -> None:
    fields = set(EVENT.row._fields) - {"id", EVENT.subject, EVENT.instant, EVENT.device}
    dev.reject(punch(7, "2026-11-24T11:00:00Z"))

    assert fields <= dev.run(ID, "--json").json["rows"][0]["fields"].keys()


@pytest.mark.parametrize("age", [timedelta(minutes=5), timedelta(hours=5), timedelta(days=5)], ids=str)
def test_row_is_found_by_id_of_message_that_brought_it(dev: Stage, migrated_url: str, age: timedelta) -> None:
    punch_id = add_punch(migrated_url, recebida_em=datetime.now(UTC) - age, mensagem_id=MESSAGE)

    result = dev.run(MESSAGE.upper(), "--json")

    assert [(row["id"], row["messageId"]) for row in result.json["rows"]] == [(punch_id, MESSAGE)]
    assert (result.status, result.json["queue"], result.json["notKnown"]) == (0, None, [])


def test_rows_of_a_day_are_those_of_the_employee(dev: Stage) -> None:
    result = dev.run(*DAY, "--json")

    assert result.status == 0
    assert [row["id"] for row in result.json["rows"]] == [ID, ID_AT_NIGHT]
    assert result.json["rows"][1]["received"] is None
    assert result.json["queue"]["drain"] == "Enabled"  # other punches of this day may be queued


def test_local_stack_is_read_by_default_without_cloudwatch_metrics(
    dev: Stage, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DB_HOST", "nowhere.invalid")
    state = write_stack_with_database(tmp_path, migrated_url, dev.dlq_url, "https://sqs.us-east-1.amazonaws.com")
    run: Run = runner(capsys, "trace", "--state", state)

    assert rows(run(ID, "--json")) == [ROW]

    text_result = run(UNKNOWN_ID)
    assert (text_result.status, dev.calls.by_operation("GetMetricStatistics")) == (1, [])
    assert not {"oldest", "failing"} & {line.partition(":")[0] for line in text_result.out.splitlines()}
    queue = run(UNKNOWN_ID, "--json").json["queue"]
    assert (queue["oldestSeconds"], queue["failing"]) == (None, None)

    identifier = dev.reject(punch(id=UNKNOWN_ID))
    assert f"ponto dlq redrive {identifier} --state {state}\n" in run(UNKNOWN_ID).out


# Dead letters


DEAD_LETTERS = {
    "its id": (punch(7, "2026-11-24T12:00:00Z", id=UNKNOWN_ID.upper()), [UNKNOWN_ID]),
    "no punch": (json.dumps({"id": UNKNOWN_ID}), [UNKNOWN_ID]),
}
if EVENT.derived_id:
    # A time without an offset is in the stage's zone, America/Sao_Paulo.
    DEAD_LETTERS["derived, in the stage's time"] = (
        punch(7, "2026-11-24T09:00:00"),
        [derive_punch_id(punch(7, "2026-11-24T12:00:00Z"))],
    )


@pytest.mark.parametrize(("body", "words"), DEAD_LETTERS.values(), ids=DEAD_LETTERS.keys())
def test_dead_letter_has_its_reason_and_a_redrive_command(dev: Stage, body: str, words: list[str]) -> None:
    other = dev.reject(punch(8, "2026-11-24T12:00:00Z"))
    identifier = dev.reject(body)

    result = dev.run(*words)

    assert result.status == 1
    assert other not in result.out
    assert f"dead letter {identifier}\n  reason    refused: why\n" in result.out
    assert f"ponto dlq redrive {identifier} --stage dev\n" in result.out
    (dead_letter,) = dev.run(*words, "--json").json["deadLetters"]
    assert dead_letter.items() >= {"reason": "refused", "messageId": "m9", "id": identifier}.items()
    assert dead_letter["redrive"] == f"ponto dlq redrive {identifier} --stage dev"


def test_dead_letter_is_found_by_its_id_and_the_original_message_id(dev: Stage) -> None:
    attributes = {"reason": "refused", "detail": "why", "messageId": MESSAGE, "receivedAt": RECEIVED_MS}
    identifier = dev.dead_letter("{", **attributes)
    dev.reject(punch())

    for searched_id in (MESSAGE, identifier):
        result = dev.run(searched_id, "--json")
        assert [letter["id"] for letter in result.json["deadLetters"]] == [identifier]
        assert (result.status, result.json["rows"], result.json["queue"]) == (1, [], None)


# Neither row nor dead letter


def test_missing_punch_is_reported_with_the_state_of_the_queue(dev: Stage) -> None:
    for _ in range(3):
        dev.sqs.send_message(QueueUrl=dev.queue_url, MessageBody=punch())
    dev.sqs.receive_message(QueueUrl=dev.queue_url)
    dev.reject("{")
    put_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", 754)

    result = dev.run(UNKNOWN_ID, "--json")

    assert result.status == 1
    assert result.json["queue"] == {
        "depth": {"visible": 2, "inFlight": 1, "delayed": 0},
        "drain": "Enabled",
        "pausedSince": None,
        "oldestSeconds": 754,
        "failing": False,
    }
    output = dev.run(UNKNOWN_ID).out
    assert f"no row and no dead letter was found for {UNKNOWN_ID}\n" in output
    assert "queue: about 2 waiting, 1 in flight (being stored, or hidden after a failure), 0 delayed\n" in output
    assert "oldest: has waited for 0:12:34\n" in output
    assert "whether the punch waits in the queue" in output
    assert "whether it is among 1 unreadable dead letter" in output
    assert output.count("not known: ") == len(result.json["notKnown"])


@pytest.mark.parametrize(
    ("namespace", "name"), [("BatidaPonto", "oldestFailedMilliseconds"), ("AWS/Lambda", "Errors")], ids=str
)
def test_failing_drain_is_reported(dev: Stage, namespace: str, name: str) -> None:
    assert "failing: CloudWatch has no failure" in dev.run(UNKNOWN_ID).out
    put_metric(namespace, name, 1)

    assert "failing: yes" in dev.run(UNKNOWN_ID).out
    assert dev.run(UNKNOWN_ID, "--json").json["queue"]["failing"]


# Errors


@pytest.mark.parametrize(
    ("operation", "words", "source"),
    [
        ("Invoke", [UNKNOWN_ID], "the database"),
        ("ReceiveMessage", [ID], "the dead-letter queue"),
        ("GetEventSourceMapping", [UNKNOWN_ID], "the drain"),
        ("GetMetricStatistics", [UNKNOWN_ID], "CloudWatch"),
    ],
)
def test_unreadable_source_does_not_hide_the_others(dev: Stage, operation: str, words: list[str], source: str) -> None:
    identifier = dev.reject(punch(id=UNKNOWN_ID))
    dev.stubs[operation] = ACCESS_DENIED
    if operation.startswith("Get"):
        words = list(map(str, DAY))

    result = dev.run(*words, "--json")

    assert result.status == 2
    (unread,) = result.json["unread"]
    assert unread["what"] == source
    assert "AccessDenied" in unread["why"]
    if operation == "Invoke":
        assert result.json["queue"]["drain"] == "Enabled"
        assert [letter["id"] for letter in result.json["deadLetters"]] == [identifier]
    else:
        assert rows(result)[0] == ROW
    assert dev.run(*words).out.startswith(f"not read: {source}: AWS refused")


def test_no_value_of_a_punch_is_logged(dev: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "ponto")
    dev.run(ID)
    dev.run(*DAY)

    # The compressed response, which the fake function logs, may contain any text.
    records = [record.getMessage() for record in caplog.records if record.name.startswith("ponto")]
    logged = "\n".join([dev.functions.log.getvalue(), *records])
    assert "punch" in logged  # the statement's name
    assert [value for value in (ID, "2026-11-24", "k1", "m1") if value in logged] == []
