"""`ponto balance`, on a real database: CloudWatch is moto's, the function is a call of the handler."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from tests.aws import Calls, refusal, stack
from tests.commands import Result, Run, runner
from tests.company import fill, write_stack
from tests.events import aws
from tests.functions import Functions

ZONE = ZoneInfo("America/Sao_Paulo")
ROWS = """
insert into batida (id, usuario_id, ponto, gravada_em, mensagem_id)
select gen_random_uuid(), 7, written, written, message
from (values
    (%(begin)s - interval '1 second', 'the day before'),
    (%(begin)s, 'm1'), (%(begin)s + interval '12 hours', 'm2'), (%(end)s - interval '1 second', 'm3'),
    (%(begin)s + interval '12 hours', null), -- a punch of this project's first version, copied
    (%(end)s, 'the day after')
) as row (written, message)
"""
PUNCHES, LETTERS = {"QueueName": "punches"}, {"QueueName": "dead-letters"}
DRAIN = {"FunctionName": "batida-ponto-dev-batidaPonto"}
GATEWAY = {"ApiName": "batida-ponto-dev", "Method": "POST", "Resource": "/ponto", "Stage": "dev"}


class Dev:
    """The deployed stage `dev`, and yesterday there."""

    def __init__(self, url: str, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
        self.day = datetime.now(ZONE).date() - timedelta(days=1)
        self.begin, self.end = self.midnight(self.day), self.midnight(self.day + timedelta(days=1))
        self.functions = Functions(url, "ponto_reports")
        calls.instead |= {
            "DescribeStacks": stack(
                PunchQueueUrl="https://sqs/1/punches", DeadLetterQueueUrl="https://sqs/1/dead-letters"
            ),
            "Invoke": lambda _, asked: {
                "Payload": io.BytesIO(json.dumps(self.functions.call("report", json.loads(asked["Payload"]))).encode())
            },
        }
        ponto = runner(capsys, "balance")
        self.run: Run = lambda *words: ponto("--stage", "dev", *words)

    @staticmethod
    def midnight(day: date) -> datetime:
        return datetime.combine(day, time.min, ZONE).astimezone(UTC)

    def put(self, namespace: str, name: str, dimensions: dict[str, str], value: float, hours: float = 12) -> None:
        """Have CloudWatch know a figure; `hours` are since midnight."""
        when = self.begin + timedelta(hours=hours)
        named = [{"Name": key, "Value": each} for key, each in dimensions.items()]
        data: Any = {"MetricName": name, "Dimensions": named, "Timestamp": when, "Value": value}
        boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])

    def level(self, queue: dict[str, str], visible: float, hidden: float, hours: float) -> None:
        """Have SQS report how much is in a queue in the minute before an hour."""
        self.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, visible, hours - 1 / 60)
        self.put("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", queue, hidden, hours - 1 / 60)

    def fill(self) -> None:
        """Have a day: 9 accepted, 2 redriven, 4 waited; 3 rows, 2 duplicates, 3 dead, 1 exhausted, 6 wait."""
        for name, value in (("Count", 7), ("Count", 8), ("4XXError", 5), ("5XXError", 1)):
            self.put("AWS/ApiGateway", name, GATEWAY, value)
        self.put("AWS/ApiGateway", "Count", GATEWAY | {"Method": "GET"}, 100)
        for hours in (-0.1, 1, 23.9, 24.1):  # of yesterday: 11
            self.put("AWS/SQS", "NumberOfMessagesSent", PUNCHES, 5.5, hours)
        self.level(PUNCHES, 1, 3, 0)
        self.level(PUNCHES, 6, 0, 24)
        counted = (("duplicates", 2), ("rejected", 3), ("redelivered", 40), ("redriven", 2), ("stored", 2))
        for name, value in counted:
            self.put("BatidaPonto", name, DRAIN, value)
        self.level(LETTERS, 5, 0, 0)
        self.level(LETTERS, 6, 0, 24)
        self.put("AWS/SQS", "NumberOfMessagesSent", LETTERS, 3)
        self.put("AWS/SQS", "NumberOfMessagesDeleted", LETTERS, 3)


@pytest.fixture
def dev(migrated_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws():
        monkeypatch.delenv("AWS_REGION", raising=False)
        found = Dev(migrated_url, Calls(monkeypatch), capsys)
        fill(
            migrated_url,
            ROWS.replace("%(begin)s", f"'{found.begin}'::timestamptz").replace(
                "%(end)s", f"'{found.end}'::timestamptz"
            ),
        )
        yield found


BALANCED = {
    "accepted": 9,
    "redriven": 2,
    "others": 0,
    "sent": 11,
    "waitingBefore": 4,
    "rows": 3,
    "duplicates": 2,
    "deadLettered": 3,
    "exhausted": 1,
    "waitingAfter": 6,
    "lettersBefore": 5,
    "lettersSent": 3,
    "lettersDeleted": 3,
    "lettersAfter": 6,
    "gone": 0,
    "redelivered": 40,
    "difference": 0,
    "balance": True,
}


def figures(result: Result) -> dict[str, Any]:
    return {name: value for name, value in result.json.items() if name in BALANCED}


def test_a_day_balances_by_what_each_source_counted_from_midnight_to_midnight(dev: Dev) -> None:
    dev.fill()

    result = dev.run("--json")  # yesterday's

    assert figures(result) == BALANCED
    assert result.status == 0
    assert result.json["day"] == str(dev.day)
    assert result.json["zone"] == "America/Sao_Paulo"
    assert (result.json["from"], result.json["to"]) == (f"{dev.begin:%Y-%m-%dT%H:%MZ}", f"{dev.end:%Y-%m-%dT%H:%MZ}")
    assert any("approximate" in what for what in result.json["notSeen"])


@pytest.mark.parametrize(
    ("namespace", "name", "dimensions", "value", "differs"),
    [
        ("AWS/SQS", "NumberOfMessagesSent", PUNCHES, 100, {"sent": 111, "others": 100, "difference": 100}),
        ("BatidaPonto", "duplicates", DRAIN, 1, {"duplicates": 3, "difference": -1}),
        ("AWS/SQS", "NumberOfMessagesSent", LETTERS, 3, {"lettersSent": 6, "exhausted": 0, "gone": 2, "difference": 1}),
        ("AWS/ApiGateway", "Count", GATEWAY, 3, {"accepted": 12, "others": -3}),
    ],
    ids=["a lost batch", "two ends", "purged while another was exhausted", "accepted and not sent"],
)
def test_books_that_do_not_balance_say_so(
    dev: Dev, namespace: str, name: str, dimensions: dict[str, str], value: float, differs: dict[str, int]
) -> None:
    dev.fill()
    dev.put(namespace, name, dimensions, value)

    result = dev.run("--day", dev.day, "--json")

    assert figures(result) == BALANCED | differs | {"balance": False}
    assert result.status == 1


def test_what_was_accepted_and_not_sent_does_not_hide_behind_a_redrive(dev: Dev) -> None:
    dev.fill()
    dev.put("AWS/ApiGateway", "Count", GATEWAY, 2)  # as many as were redriven, which may have been sent the day before

    result = dev.run("--json")

    assert figures(result) == BALANCED | {"accepted": 11, "others": -2, "balance": None}
    assert result.status == 2
    shown = dev.run().out
    assert "2 fewer were sent than accepted and redriven" in shown
    assert "whether the books balance is not known" in shown


@pytest.mark.parametrize(
    ("hours", "unknown", "balance", "status", "line"),
    [
        ([], [], True, 0, "dead-letter queue: nobody used it"),
        ([12], ["lettersBefore", "lettersAfter"], True, 0, "letters before: unknown (taken as 0)"),
        ([24], ["lettersBefore"], None, 2, "whether the books balance is not known"),
    ],
    ids=["not used all day", "taken as 0, they balance", "taken as 0, they do not"],
)
def test_how_much_was_in_a_queue_without_figures_is_not_known(
    dev: Dev, *, hours: list[float], unknown: list[str], balance: bool | None, status: int, line: str
) -> None:
    dev.put("AWS/ApiGateway", "Count", GATEWAY, 3)
    dev.put("AWS/SQS", "NumberOfMessagesSent", PUNCHES, 3)
    dev.level(PUNCHES, 0, 0, 0)
    dev.level(PUNCHES, 0, 0, 24)
    for hour in hours:
        dev.level(LETTERS, 1, 0, hour)

    result = dev.run("--json")

    assert (result.json["unknown"], result.json["balance"], result.status) == (unknown, balance, status)
    shown = dev.run()
    assert shown.status == status
    assert line in shown.out


def test_the_table_says_where_each_number_is_from_and_what_nobody_sees(dev: Dev) -> None:
    dev.fill()

    result = dev.run()

    assert result.status == 0
    title, *table = result.out.splitlines()
    assert title.startswith(f"books of {dev.day} in America/Sao_Paulo: from ")
    assert [line[:27].split() for line in table[:10]] == [
        ["waited", "before", "4"],
        ["+", "accepted", "9"],
        ["+", "redriven", "2"],
        ["+", "sent", "by", "others", "0"],
        ["-", "rows", "3"],
        ["-", "duplicates", "2"],
        ["-", "dead-lettered", "3"],
        ["-", "exhausted", "1"],
        ["-", "wait", "6"],
        ["=", "difference", "0"],
    ]
    assert "the books balance" in table
    assert sum(line.startswith("not seen: ") for line in table) >= 5


def test_todays_books_end_a_quarter_of_an_hour_ago(dev: Dev) -> None:
    today = dev.day + timedelta(days=1)
    dev.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", PUNCHES, 0, 24.01)

    result = dev.run("--day", today, "--json")

    if not result.out:  # right after midnight
        assert "no figures yet" in result.err
        return
    ended = datetime.fromisoformat(result.json["to"])
    assert timedelta(minutes=15) <= datetime.now(UTC) - ended <= timedelta(minutes=21)


@pytest.mark.parametrize(("days", "why"), [(2, "there are no figures yet"), (-70, "is too long ago: CloudWatch keeps")])
def test_a_day_of_which_there_can_be_no_figures_is_refused(dev: Dev, days: int, why: str) -> None:
    result = dev.run("--day", dev.day + timedelta(days=days))

    assert (result.status, result.out) == (2, "")
    assert why in result.err


def test_without_any_figure_of_the_queue_nothing_is_claimed(dev: Dev) -> None:
    missing = dev.run()
    assert (missing.status, missing.out) == (2, "")
    assert f"no figures of the queue of punches on {dev.day}: the stage was not there" in missing.err


def test_the_local_stack_keeps_no_figures_and_says_so(
    dev: Dev, migrated_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = write_stack(tmp_path, migrated_url, "https://sqs/1/punches", "https://monitoring.us-east-1.amazonaws.com")

    result = runner(capsys, "balance", "--state", state)()

    assert (result.status, result.out) == (2, "")
    assert f"on {dev.day}: the emulator keeps none" in result.err


def test_what_aws_refuses_is_no_zero(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    dev.fill()
    Calls(monkeypatch).instead["GetMetricStatistics"] = refusal("AccessDenied")

    assert dev.run().status == 2
