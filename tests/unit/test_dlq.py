"""`ponto dlq`: SQS is moto's; CloudFormation and Lambda, of which it uses little, answer from here."""

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
import click
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from hypothesis import example, given
from hypothesis import strategies as st

from ponto.imports import tasks_of
from ponto.punch import Reason
from tests.commands import Result
from tests.events import RECEIVED_MS, aws
from tests.strategies import any_json
from tools.cli import main
from tools.dlq import dead_letters, event_source, queue_reader
from tools.dlq.command import _show, _table, dlq
from tools.dlq.dead_letters import REASONS, DeadLetter, Way, read
from tools.kit.output import printable
from tools.kit.project import ROOT

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

RECEIVED = "2026-10-01T11:00:01.234Z"
ORIGINAL_ID = "0f7c1a52-8a36-4a8e-9a62-6f0a4c2d3e11"
# Characters that a re-encoded JSON would not have: spaces, an escape, a key twice.
PUNCH = '{"usuarioId": 7,  "ponto": "2026-10-01T08:00:00Z", "dispositivo": "port\\u00e3o \u65e5", "usuarioId": 7}\n'
EVENT = {"Records": [{"eventSource": "aws:s3", "key": "\u65e5"}]}

Call = Callable[[], Any]


class Deployment:
    """A deployed stage `dev`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sqs: SQSClient = boto3.client("sqs")
        self.queue_url = self.sqs.create_queue(QueueName="punches")["QueueUrl"]
        self.dlq_url = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.outputs = {"PunchQueueUrl": self.queue_url, "DeadLetterQueueUrl": self.dlq_url}
        self.invocations: list[Any] = []
        self.mapping_states = ["Enabled"]  # what Lambda says next; the last one stays
        self.calls: list[str] = []
        self.signers: dict[str, set[str]] = {}  # operation -> the access keys that signed it
        # Operation -> what happens instead; it is given the call, to make or not.
        self.instead: dict[str, Callable[[Call, Any], Any]] = {
            "DescribeStacks": self._stacks,
            "Invoke": self._invoke,
            "ListEventSourceMappings": lambda *_: {"EventSourceMappings": [{"UUID": "m"}]},
            "GetEventSourceMapping": self._mapping,
            "UpdateEventSourceMapping": self._switch,
        }
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            self.calls.append(operation)
            self.signers.setdefault(operation, set()).add(client._get_credentials().access_key)
            make: Call = lambda: real(client, operation, parameters)  # noqa: E731
            instead = self.instead.get(operation)
            return instead(make, parameters) if instead else make()

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    def reject(self, reason: str = "invalid", body: str = PUNCH, **more: Any) -> str:
        """A dead letter of the function."""
        attributes = {
            "reason": {"DataType": "String", "StringValue": reason},
            "detail": {"DataType": "String", "StringValue": "ponto: required"},
            "messageId": {"DataType": "String", "StringValue": ORIGINAL_ID},
            "receivedAt": {"DataType": "Number", "StringValue": str(RECEIVED_MS)},
        }
        return self.send(body, attributes | more)

    def asynchronous(self, event: Any = None, error: str = "The event is not from SQS") -> str:
        """A dead letter of Lambda, as AWS writes it."""
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": "1"},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": error},
        }
        return self.send(json.dumps(event or EVENT), attributes)

    def send(self, body: str, attributes: Any = None) -> str:
        """A message of the dead-letter queue; without attributes, one that SQS has moved."""
        return self.sqs.send_message(QueueUrl=self.dlq_url, MessageBody=body, MessageAttributes=attributes or {})[
            "MessageId"
        ]

    def queued(self) -> list[Any]:
        """Take what is in the queue of punches."""
        return self._take(self.queue_url)

    def dead_letters(self) -> list[Any]:
        """Take what is visible in the dead-letter queue."""
        return self._take(self.dlq_url)

    def _take(self, url: str) -> list[Any]:
        found: list[Any] = []
        while messages := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=43_200,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            found += messages
        return found

    def _stacks(self, _: Call, parameters: Any) -> Any:
        if parameters["StackName"] != "batida-ponto-dev":
            raise refusal("ValidationError", f"Stack with id {parameters['StackName']} does not exist")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}

    def _invoke(self, _: Call, parameters: Any) -> Any:
        self.invocations.append(parameters)
        return {"StatusCode": 202}

    def _mapping(self, *_: Any) -> Any:
        state = self.mapping_states.pop(0) if len(self.mapping_states) > 1 else self.mapping_states[0]
        return {"UUID": "m", "State": state}

    def _switch(self, _: Call, parameters: Any) -> Any:
        self.mapping_states = ["Enabling", "Enabled"] if parameters["Enabled"] else ["Disabling", "Disabled"]
        return {}


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with aws():
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.setattr(queue_reader, "WAIT_SECONDS", 0)
        monkeypatch.setattr(event_source, "_POLL_SECONDS", 0)
        yield Deployment(monkeypatch)


@pytest.fixture
def run(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(verb: str, *words: object) -> Result:
        status = main(["dlq", verb, "--stage", "dev", *map(str, words)])
        return Result(status, *capsys.readouterr())

    deployment.calls.clear()
    return run


# What a dead letter is


def message(body: str = PUNCH, **attributes: str) -> "MessageTypeDef":
    return {
        "MessageId": "in-the-dlq",
        "Body": body,
        "MessageAttributes": {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
        "Attributes": {"SentTimestamp": str(RECEIVED_MS), "ApproximateReceiveCount": "301"},
    }


def test_a_dead_letter_of_the_function_says_why_and_names_the_original_message() -> None:
    dead_letter = read(message(reason="conflict", detail="why", messageId=ORIGINAL_ID, receivedAt="1767225600000"))

    assert (dead_letter.way, dead_letter.reason, dead_letter.detail) == (Way.REJECTED, "conflict", "why")
    assert (dead_letter.message_id, dead_letter.received, dead_letter.employee) == (
        ORIGINAL_ID,
        "2026-01-01T00:00:00.000Z",
        7,
    )


def test_a_dead_letter_moved_by_sqs_is_the_original_message() -> None:
    dead_letter = read(message())

    assert (dead_letter.way, dead_letter.reason, dead_letter.receives) == (Way.EXHAUSTED, "exhausted", 301)
    assert (dead_letter.message_id, dead_letter.received, dead_letter.employee) == ("in-the-dlq", RECEIVED, 7)


def test_a_dead_letter_moved_by_sqs_after_a_redrive_still_names_the_original_message() -> None:
    dead_letter = read(message(messageId=ORIGINAL_ID, receivedAt="1767225600000"))

    assert dead_letter.reason == "exhausted"
    assert (dead_letter.message_id, dead_letter.received_ms) == (ORIGINAL_ID, 1767225600000)


def test_a_dead_letter_of_an_asynchronous_invocation_is_recognised_by_lambdas_attributes() -> None:
    dead_letter = read(message(json.dumps(EVENT), RequestID="1", ErrorCode="200", ErrorMessage="not from SQS"))

    assert (dead_letter.way, dead_letter.reason, dead_letter.detail) == (
        Way.ASYNCHRONOUS,
        "asynchronous",
        "200: not from SQS",
    )
    assert dead_letter.employee is None
    assert dead_letter.event() == json.dumps(EVENT).encode()


def test_a_dead_letter_of_an_asynchronous_invocation_is_recognised_in_the_record_of_a_destination() -> None:
    record = {"requestContext": {}, "requestPayload": EVENT, "responsePayload": {"errorMessage": "not from SQS"}}

    dead_letter = read(message(json.dumps(record)))

    assert (dead_letter.reason, dead_letter.detail, dead_letter.employee) == ("asynchronous", "not from SQS", None)
    assert json.loads(dead_letter.event()) == EVENT


def test_a_body_that_looks_like_a_destinations_record_but_was_rejected_is_a_message_of_the_queue() -> None:
    body = '{"requestContext": {}, "requestPayload": {}}'

    assert read(message(body, reason="invalid")).way is Way.REJECTED


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '{"usuarioId": true}', '{"usuarioId": "7"}', "[" * 100_000, "9" * 5_000]
)
def test_a_body_that_tells_no_employee_is_a_dead_letter_too(body: str) -> None:
    assert read(message(body)).employee is None


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e12", "9" * 20, "\u0661", "9" * 15, "0", str(RECEIVED_MS + 1)])
def test_a_time_of_receipt_that_cannot_be_read_or_cannot_be_true_gives_way_to_sqs_own(text: str) -> None:
    dead_letter = read(message(reason="invalid", messageId=ORIGINAL_ID, receivedAt=text))

    assert (dead_letter.message_id, dead_letter.received_ms) == ("in-the-dlq", RECEIVED_MS)


# list


def test_the_list_of_an_empty_queue_says_so(run: Callable[..., Result]) -> None:
    assert run("list").out == "0 dead letters\n"
    result = run("list", "--json")
    assert result.status == 0
    assert result.json == {"deadLetters": [], "totals": {}}


def test_the_list_shows_the_three_shapes_the_oldest_first_and_totals(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.send(PUNCH)
    deployment.reject()
    deployment.reject()
    deployment.asynchronous()

    result = run("list")

    lines = result.out.splitlines()
    assert lines[0].split() == ["id", "reason", "employee", "received", "times", "why"]
    assert [line.split()[1] for line in lines[1:3]] == ["invalid", "invalid"]
    assert lines[1].split()[2:] == ["7", *RECEIVED.replace(".234", "").split("T"), "1", "ponto:", "required"]
    assert {line.split()[1] for line in lines[3:5]} == {"exhausted", "asynchronous"}
    assert lines[5] == "4 dead letters: 1 asynchronous, 1 exhausted, 2 invalid"
    assert "raises receive counts" in result.err


def test_the_list_for_machines_has_all_but_the_punch(deployment: Deployment, run: Callable[..., Result]) -> None:
    identifier = deployment.reject()

    result = run("list", "--json")

    assert result.json == {
        "deadLetters": [
            {
                "id": identifier,
                "reason": "invalid",
                "detail": "ponto: required",
                "employee": 7,
                "received": RECEIVED,
                "receives": 1,
                "messageId": ORIGINAL_ID,
            }
        ],
        "totals": {"invalid": 1},
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--reason", "conflict"], {"conflict"}),
        (["--reason", "conflict", "--reason", "exhausted"], {"conflict", "exhausted"}),
        (["--employee", "8"], {"conflict"}),
        (["--employee", "-1"], set()),  # whatever was sent, be it nobody's number
        (["--since", "1h"], {"exhausted", "asynchronous"}),
        (["--until", "2026-10-01T11:00:01.234Z"], set()),
        (["--since", "2026-10-01T11:00:01.234Z", "--until", "2026-10-01T11:00:01.235Z"], {"conflict", "invalid"}),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else " ".join(value),
)
def test_the_list_is_narrowed(
    deployment: Deployment, run: Callable[..., Result], words: list[str], expected: set[str]
) -> None:
    deployment.reject()
    deployment.reject("conflict", PUNCH.replace("7", "8"))
    deployment.send(PUNCH)
    deployment.asynchronous()

    assert set(run("list", "--json", *words).json["totals"]) == expected
    assert f"{len(expected)} of 4 dead letters" in run("list", *words).out


def test_whatever_was_looked_at_is_visible_again(deployment: Deployment, run: Callable[..., Result]) -> None:
    sent = {deployment.reject() for _ in range(12)}

    run("list")

    assert {dead_letter["MessageId"] for dead_letter in deployment.dead_letters()} == sent


def test_after_ctrl_c_whatever_was_received_is_visible_again(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    sent = {deployment.reject() for _ in range(12)}

    def stop_at_the_second(receive: Call, _: Any) -> Any:
        if deployment.calls.count("ReceiveMessage") == 2:
            raise KeyboardInterrupt
        return receive()

    deployment.instead["ReceiveMessage"] = stop_at_the_second
    result = run("list")

    assert result.status == 130
    del deployment.instead["ReceiveMessage"]
    assert {dead_letter["MessageId"] for dead_letter in deployment.dead_letters()} == sent


def test_dead_letters_that_cannot_be_put_back_are_counted(deployment: Deployment, run: Callable[..., Result]) -> None:
    for _ in range(12):
        deployment.reject()

    def fail_first(change: Call, parameters: Any) -> Any:
        if len(parameters["Entries"]) == 10:
            raise ReadTimeoutError(endpoint_url="https://sqs")
        return change()

    deployment.instead["ChangeMessageVisibilityBatch"] = fail_first
    result = run("list", "--json")

    assert result.json["totals"] == {"invalid": 12}
    assert "10 dead letters could not be put back: hidden for 15 minutes at most" in result.err


def test_dead_letters_that_somebody_else_hides_are_mentioned(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.reject()
    deployment.dead_letters()

    result = run("list")

    assert result.out == "0 dead letters\n"
    assert "about 1 more dead letter, hidden" in result.err


def test_a_dead_letter_that_comes_twice_is_listed_once(deployment: Deployment, run: Callable[..., Result]) -> None:
    deployment.reject()
    deployment.instead["ReceiveMessage"] = lambda receive, parameters: (
        parameters.update(VisibilityTimeout=0),
        receive(),
    )[1]

    assert run("list", "--json").json["totals"] == {"invalid": 1}


def twice(receive: Call, _: Any) -> Any:
    """Give an answer that holds each message twice, as SQS may."""
    answer = receive()
    return answer | {"Messages": [message for message in answer.get("Messages", []) for _ in range(2)]}


@pytest.mark.parametrize("words", [["redrive", "--all"], ["purge", "--older-than", "1h", "--yes"]], ids=" ".join)
def test_a_dead_letter_that_one_answer_holds_twice_is_one_dead_letter(
    deployment: Deployment,
    run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        deployment.reject()
    deployment.instead["ReceiveMessage"] = twice

    assert run("list", "--json").json["totals"] == {"invalid": 3}
    result = run(*words)

    assert (result.status, result.out.split(",")[0]) == (
        0,
        f"3 {'redriven' if 'redrive' in words else 'dead letters deleted'}",
    )
    del deployment.instead["ReceiveMessage"]
    assert len(deployment.queued()) == (3 if "redrive" in words else 0)
    assert deployment.dead_letters() == []
    assert [len(file.read_text().splitlines()) for file in tmp_path.iterdir()] == ([] if "redrive" in words else [3])


def test_one_empty_answer_is_not_the_end(deployment: Deployment, run: Callable[..., Result]) -> None:
    deployment.reject()
    deployment.instead["ReceiveMessage"] = lambda receive, _: (
        {} if deployment.calls.count("ReceiveMessage") % 2 else receive()
    )

    assert run("list", "--json").json["totals"] == {"invalid": 1}


def test_a_terminal_is_given_no_control_characters(deployment: Deployment, run: Callable[..., Result]) -> None:
    text = "[red]\u009b31m[/red]"
    forged = {"DataType": "String", "StringValue": f"{text}\nreason        conflict"}
    identifier = deployment.reject(body=f"{text}\n", detail=forged)

    assert "[red]?31m[/red]?reason        conflict" in run("list").out
    shown = run("show", identifier)
    assert shown.out.count("[red]?31m[/red]") == 3
    assert shown.out.splitlines().count("reason        conflict") == 0  # no line but our own
    assert shown.out.endswith("\n[red]?31m[/red]\n\n")
    assert run("show", identifier, "--json").json["body"] == f"{text}\n"


@pytest.mark.parametrize(
    "codes",
    [
        range(0x20),
        range(0x7F, 0xA0),
        range(0x202A, 0x202F),
        range(0x2066, 0x206A),
        (0x200E, 0x200F, 0x061C, 0x2028, 0x2029),
        (0xD800,),
    ],
    ids=["C0", "C1", "overrides", "isolates", "marks and separators", "half a pair"],
)
def test_nothing_that_moves_a_cursor_or_turns_a_line_is_printed(codes: Iterable[int]) -> None:
    for code in codes:
        assert printable(f"a{chr(code)}b") == "a?b"
        assert printable(f"a{chr(code)}b", lines=True) == (f"a{chr(code)}b" if chr(code) in "\n\t" else "a?b")


@given(st.text())
def test_whatever_is_printed_is_one_line_of_as_many_characters(text: str) -> None:
    shown = printable(text)

    assert len(shown) == len(text)
    assert shown.isprintable()
    assert all(before in ("?", after) or not before.isprintable() for before, after in zip(text, shown, strict=True))


# show


def test_everything_of_a_dead_letter_is_shown_by_the_beginning_of_its_id(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    identifier = deployment.reject()

    result = run("show", identifier[:8])

    assert result.status == 0
    for text in (identifier, ORIGINAL_ID, RECEIVED, "SentTimestamp", '  "dispositivo": "portão 日"'):
        assert text in result.out


def test_a_body_that_is_not_json_is_shown_as_it_is(deployment: Deployment, run: Callable[..., Result]) -> None:
    assert run("show", deployment.reject(body="{ not JSON")).out.endswith("\n\n{ not JSON\n")


def test_a_dead_letter_for_machines_is_whole(deployment: Deployment, run: Callable[..., Result]) -> None:
    binary = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    identifier = deployment.reject(trace=binary)

    dead_letter = run("show", identifier, "--json").json

    assert dead_letter["body"] == PUNCH
    assert dead_letter["attributes"]["reason"] == {"DataType": "String", "StringValue": "invalid"}
    assert dead_letter["attributes"]["trace"] == {"DataType": "Binary", "BinaryValue": "AP8="}
    assert dead_letter["systemAttributes"]["SentTimestamp"]


@pytest.mark.parametrize(("prefix", "status", "said"), [("zz", 1, "begins with 'zz'"), ("", 1, "begins with ''")])
def test_an_id_that_no_dead_letter_has_is_said(
    deployment: Deployment, run: Callable[..., Result], prefix: str, status: int, said: str
) -> None:
    deployment.reject()

    result = run("show", prefix)

    assert result.status == status
    assert said in result.err


def test_an_id_that_two_dead_letters_begin_with_is_said_and_nothing_is_done(
    deployment: Deployment, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = deployment.reject(), deployment.reject()

    def same_beginning(found: Any) -> DeadLetter:
        dead_letter = read(found)
        return dead_letter._replace(id=f"ab-{dead_letter.id}")

    monkeypatch.setattr(dead_letters, "read", same_beginning)
    for verb in ("show", "redrive"):
        result = run(verb, "ab")
        assert result.status == 2
        assert first in result.err
        assert second in result.err
    assert deployment.queued() == []


# redrive


def test_a_redriven_dead_letter_arrives_byte_for_byte_with_the_originals_id_and_time(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    binary = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    identifier = deployment.reject(trace=binary)

    result = run("redrive", identifier[:8])

    assert (result.status, result.out) == (0, "1 redriven, 0 failed\n")
    (punch,) = deployment.queued()
    assert punch["Body"] == PUNCH
    assert punch["MessageAttributes"] == {
        "messageId": {"DataType": "String", "StringValue": ORIGINAL_ID},
        "receivedAt": {"DataType": "Number", "StringValue": str(RECEIVED_MS)},
        "trace": binary,
    }
    assert deployment.dead_letters() == []


def test_a_dead_letter_that_sqs_moved_is_redriven_with_its_own_id_and_time(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    arn = deployment.sqs.get_queue_attributes(QueueUrl=deployment.dlq_url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 1}
    deployment.sqs.set_queue_attributes(
        QueueUrl=deployment.queue_url, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    )
    sent = deployment.sqs.send_message(QueueUrl=deployment.queue_url, MessageBody=PUNCH)["MessageId"]
    received = [
        deployment.sqs.receive_message(QueueUrl=deployment.queue_url, MessageSystemAttributeNames=["All"])
        for _ in range(2)
    ]
    time = received[0]["Messages"][0]["Attributes"]["SentTimestamp"]
    assert "Messages" not in received[1]

    result = run("redrive", "--all", "--json")

    assert result.json == {"redriven": [sent], "failed": {}, "dryRun": False}
    (punch,) = deployment.queued()
    texts = {name: value["StringValue"] for name, value in punch["MessageAttributes"].items()}
    assert texts == {"messageId": sent, "receivedAt": time}


def test_a_redriven_dead_letter_keeps_the_senders_attributes_and_none_that_sqs_refuses(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.reject(apiKeyId={"DataType": "String", "StringValue": "k4r2p0x9ab"})

    run("redrive", "--all")

    (sent,) = deployment.queued()
    assert sent["MessageAttributes"]["apiKeyId"]["StringValue"] == "k4r2p0x9ab"
    assert sent["MessageAttributes"].keys() == {"apiKeyId", "messageId", "receivedAt"}
    empty = read(message())._replace(attributes={"apiKeyId": {"DataType": "String"}})  # of the local stack's gateway
    assert empty.attributes_to_resend().keys() == {"messageId", "receivedAt"}


@pytest.mark.parametrize("wrapped", [False, True], ids=["as on AWS", "as a destination's record"])
def test_an_asynchronous_event_is_invoked_again(
    deployment: Deployment, run: Callable[..., Result], wrapped: bool
) -> None:
    if wrapped:
        deployment.send(json.dumps({"requestContext": {}, "requestPayload": EVENT, "responsePayload": {}}))
    else:
        deployment.asynchronous()

    assert run("redrive", "--all").status == 0
    (invocation,) = deployment.invocations
    assert json.loads(invocation.pop("Payload")) == EVENT
    assert invocation == {"FunctionName": "batida-ponto-dev-batidaPonto", "InvocationType": "Event"}
    assert deployment.queued() == []
    assert deployment.dead_letters() == []


FILE = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "s3": {"bucket": {"name": "b"}, "object": {"key": "incoming/gate+1.csv", "versionId": "v"}},
        }
    ]
}
CONTINUED = {"offset": 9_000, "line": 101, "accepted": 99, "refused": 1, "rounds": 96}


@pytest.mark.parametrize("wrapped", [False, True], ids=["as on AWS", "as a destination's record"])
def test_a_file_is_listed_as_such_and_goes_on_where_it_stopped(
    deployment: Deployment, run: Callable[..., Result], wrapped: bool
) -> None:
    event = FILE | {"continuation": CONTINUED}
    if wrapped:
        failure = {"errorMessage": "no more"}
        deployment.send(json.dumps({"requestContext": {}, "requestPayload": event, "responsePayload": failure}))
    else:
        deployment.asynchronous(event, "no more")

    (found,) = run("list", "--reason", "file", "--json").json["deadLetters"]
    assert found["detail"] == f"incoming/gate 1.csv, from line 101: {'' if wrapped else '200: '}no more"
    assert found["employee"] is None

    assert run("redrive", "--reason", "file").status == 0
    (invocation,) = deployment.invocations
    assert json.loads(invocation.pop("Payload")) == FILE | {"continuation": CONTINUED | {"rounds": 0}}
    assert invocation == {"FunctionName": "batida-ponto-dev-importacao", "InvocationType": "Event"}
    assert deployment.dead_letters() == []


def _file(key: object = "incoming/a.csv", **more: object) -> dict[str, Any]:
    return {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key} | more}}


def test_of_several_files_in_an_event_none_is_lost_by_a_redrive(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    event = {"Records": [_file(f"incoming/{name}") for name in "abc"], "note": "as it was"}
    deployment.asynchronous(event, "no more")

    (found,) = run("list", "--json").json["deadLetters"]
    assert found["detail"] == "incoming/a and 2 more, from line 1: 200: no more"

    assert run("redrive", "--reason", "file").status == 0
    assert [json.loads(invocation["Payload"]) for invocation in deployment.invocations] == [event]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"continuation": 1},
        {"continuation": {}},
        {"continuation": "x"},
        {"continuation": CONTINUED | {"offset": None}},
        {"continuation": CONTINUED | {"line": 0}},
        {"continuation": CONTINUED | {"accepted": True}},
        {"continuation": CONTINUED | {"rounds": -1}},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [_file(5)]},
        {"Records": [_file(["x"])]},
        {"Records": [_file({"a": 1})]},
        {"Records": [_file(versionId=7)]},
        {"Records": [_file() | {"s3": {"bucket": {"name": 1}, "object": "key"}}]},
    ],
    ids=str,
)
def test_what_only_resembles_a_files_event_is_one_of_another_invocation(spoilt: Any) -> None:
    body = json.dumps(FILE | spoilt)
    found = read(message(body, RequestID="1", ErrorCode="200", ErrorMessage="no"))
    assert (found.way, found.detail, found.event()) == (Way.ASYNCHRONOUS, "200: no", body.encode())


def _nearly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return good | good | good | any_json()


_files = _nearly(
    st.fixed_dictionaries(
        {
            "eventSource": _nearly(st.just("aws:s3")),
            "s3": _nearly(
                st.fixed_dictionaries(
                    {
                        "bucket": _nearly(st.fixed_dictionaries({"name": _nearly(st.just("b"))})),
                        "object": _nearly(
                            st.fixed_dictionaries(
                                {"key": _nearly(st.text(st.characters(), max_size=5))},
                                optional={"versionId": _nearly(st.just("v"))},
                            )
                        ),
                    }
                )
            ),
        }
    )
)
_events = st.fixed_dictionaries(
    {"Records": _nearly(st.lists(_files, max_size=3))},
    optional={"continuation": _nearly(st.fixed_dictionaries({name: _nearly(st.integers(0, 9)) for name in CONTINUED}))},
)
_bodies = st.text(min_size=1, max_size=20) | st.builds(
    json.dumps,
    any_json()
    | _events
    | st.fixed_dictionaries({"requestContext": any_json(), "requestPayload": _events, "responsePayload": any_json()}),
)


@given(
    _bodies,
    st.sampled_from([{}, {"reason": "invalid"}, {"RequestID": "1", "ErrorCode": "200"}]),
)
@example("[" * 100_000, {"RequestID": "1", "ErrorCode": "200"})
@example(json.dumps({"requestContext": 1, "requestPayload": {}, "responsePayload": {"errorMessage": {}}}), {})
def test_whatever_is_in_the_queue_is_listed_shown_and_redriven_as_something(
    body: str, attributes: dict[str, str]
) -> None:
    found = read(message(body, **attributes))

    assert found.reason in REASONS
    assert found.whole()["body"] == body
    assert json.loads(json.dumps(found.whole())).keys() > json.loads(json.dumps(found.summary())).keys()
    output = io.StringIO()
    with redirect_stdout(output):
        _table([found])
        _show(found)
    output.getvalue().encode()
    if found.way is Way.FILE:
        before = tasks_of(dead_letters._event(body))
        assert tasks_of(json.loads(found.event())) == [task._replace(rounds=0) for task in before]
    elif found.way is Way.ASYNCHRONOUS:
        assert found.event()
    else:
        assert found.attributes_to_resend()


def test_an_event_that_cannot_be_redriven_keeps_no_other_from_it(
    deployment: Deployment, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Read with little of the stack in use, written with more of it: nobody can say beforehand how deep is too deep.
    kept = deployment.asynchronous({"deep": 1})
    deployment.asynchronous(EVENT)
    real = DeadLetter.event

    def event(self: DeadLetter) -> bytes:
        if "deep" in self.body:
            raise RecursionError
        return real(self)

    monkeypatch.setattr(DeadLetter, "event", event)
    result = run("redrive", "--all", "--json")

    assert result.json["failed"] == {kept: "the event cannot be read: RecursionError"}
    assert len(deployment.invocations) == 1


def test_only_dead_letters_of_the_reason_are_redriven(deployment: Deployment, run: Callable[..., Result]) -> None:
    deployment.reject("conflict")
    kept = deployment.reject("malformed")

    run("redrive", "--reason", "conflict")

    assert len(deployment.queued()) == 1
    assert [dead_letter["MessageId"] for dead_letter in deployment.dead_letters()] == [kept]


def test_a_dry_run_shows_what_would_go_and_sends_nothing(deployment: Deployment, run: Callable[..., Result]) -> None:
    identifier = deployment.reject()
    deployment.asynchronous()

    result = run("redrive", "--all", "--dry-run")

    assert result.status == 0
    assert identifier[:8] in result.out
    assert result.out.endswith("2 would be redriven, 0 failed\n")
    assert not {"SendMessageBatch", "Invoke", "DeleteMessageBatch"} & set(deployment.calls)
    assert len(deployment.dead_letters()) == 2


def test_an_id_that_is_not_there_fails_and_the_others_go(deployment: Deployment, run: Callable[..., Result]) -> None:
    identifier = deployment.reject()

    result = run("redrive", identifier, "zz", "--json")

    assert result.status == 1
    assert result.json == {"redriven": [identifier], "failed": {"zz": "no such dead letter"}, "dryRun": False}


@pytest.mark.parametrize("words", [[], ["--all", "--reason", "invalid"], ["--all", "a"]], ids=" ".join)
def test_dead_letters_are_named_in_one_way(
    deployment: Deployment, run: Callable[..., Result], words: list[str]
) -> None:
    deployment.reject()

    result = run("redrive", *words)

    assert result.status == 2
    assert "name the dead letters in one way: --all, --reason, or ids" in result.err
    assert deployment.queued() == []


def test_killed_between_send_and_delete_nothing_is_lost_and_only_one_call_is_repeated(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    for number in range(25):
        deployment.send(PUNCH.replace("7", str(number + 1)))

    def kill_at_the_second(delete: Call, _: Any) -> Any:
        if deployment.calls.count("DeleteMessageBatch") == 2:
            raise KeyboardInterrupt
        return delete()

    deployment.instead["DeleteMessageBatch"] = kill_at_the_second
    assert run("redrive", "--all").status == 130
    del deployment.instead["DeleteMessageBatch"]
    assert run("redrive", "--all").out == "15 redriven, 0 failed\n"

    copies = Counter(punch["Body"] for punch in deployment.queued())
    assert sorted(copies.values()) == [1] * 15 + [2] * 10
    assert deployment.dead_letters() == []


def test_copies_of_a_dead_letter_carry_the_same_id_and_time(deployment: Deployment, run: Callable[..., Result]) -> None:
    deployment.send(PUNCH)
    deployment.instead["DeleteMessageBatch"] = lambda *_: stop()
    run("redrive", "--all")
    del deployment.instead["DeleteMessageBatch"]
    run("redrive", "--all")

    first, second = deployment.queued()
    assert first["MessageAttributes"] == second["MessageAttributes"]


def stop() -> NoReturn:
    raise KeyboardInterrupt


def test_messages_that_sqs_does_not_take_stay_and_are_named(deployment: Deployment, run: Callable[..., Result]) -> None:
    sent = [deployment.reject(body=f"{number:02}") for number in range(12)]

    def refuse_one(_: Call, parameters: Any) -> Any:
        ids = {entry["MessageBody"]: entry["Id"] for entry in parameters["Entries"]}
        failed = [{"Id": ids[body], "Code": "InternalError", "SenderFault": False} for body in ["03"] if body in ids]
        taken = [{"Id": identifier} for body, identifier in ids.items() if body != "03"]
        return {"Successful": taken, "Failed": failed}

    deployment.instead["SendMessageBatch"] = refuse_one
    result = run("redrive", "--all")

    assert result.status == 1
    assert result.out.startswith("11 redriven, 1 failed\n")
    assert f"failed: InternalError: \n  {sent[3]}\n" in result.out
    assert [dead_letter["MessageId"] for dead_letter in deployment.dead_letters()] == [sent[3]]


def test_dead_letters_that_were_sent_but_not_deleted_are_named(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    identifier = deployment.reject()
    deployment.instead["DeleteMessageBatch"] = lambda *_: {
        "Successful": [],
        "Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid", "Message": "old", "SenderFault": True}],
    }

    result = run("redrive", "--all", "--json")

    assert result.status == 1
    assert result.json["failed"][identifier].startswith("sent, but not deleted")
    assert len(deployment.queued()) == len(deployment.dead_letters()) == 1


def test_a_message_that_is_too_large_does_not_keep_its_neighbours(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.sqs.set_queue_attributes(QueueUrl=deployment.queue_url, Attributes={"MaximumMessageSize": "2048"})
    for _ in range(11):
        deployment.reject()
    large = deployment.reject(body="x" * 2_049)

    def refuse_call(send: Call, parameters: Any) -> Any:  # moto looks at the whole call only
        if any(len(entry["MessageBody"]) > 2_048 for entry in parameters["Entries"]):
            raise refusal("InvalidParameterValue", "Message must be shorter than 2048 bytes")
        return send()

    deployment.instead["SendMessageBatch"] = refuse_call
    result = run("redrive", "--all", "--json")

    assert result.status == 1
    assert list(result.json["failed"]) == [large]
    assert "2048 bytes" in result.json["failed"][large]
    assert len(deployment.queued()) == 11


def test_a_right_that_is_missing_is_said_once_for_all_and_nothing_is_deleted(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    for _ in range(12):
        deployment.reject()
    deployment.asynchronous()
    for operation in ("SendMessageBatch", "Invoke"):
        deployment.instead[operation] = lambda *_: refuse("AccessDenied")

    result = run("redrive", "--all")

    assert result.status == 1
    assert result.out.startswith("0 redriven, 13 failed\n")
    assert result.out.count("AccessDenied") == 1
    assert deployment.calls.count("SendMessageBatch") == 2
    assert len(deployment.dead_letters()) == 13


def refuse(code: str) -> NoReturn:
    raise refusal(code)


OPERATOR = "arn:aws:iam::123456789012:role/batida-ponto-dev-OperatorRole-1"


def test_only_what_is_sent_back_is_sent_as_the_operators_role(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.outputs["OperatorRoleArn"] = OPERATOR
    deployment.reject()
    deployment.asynchronous()
    asked: list[Any] = []

    def assume(call: Call, parameters: Any) -> Any:
        asked.append(parameters)
        return call()

    deployment.instead["AssumeRole"] = assume

    assert run("redrive", "--all").out == "2 redriven, 0 failed\n"

    (parameters,) = asked
    assert parameters == {"RoleArn": OPERATOR, "RoleSessionName": "ponto-redrive"}
    (own,) = deployment.signers["ReceiveMessage"]
    (taken_on,) = deployment.signers["SendMessageBatch"] - {own}
    assert taken_on
    assert {name for name, signers in deployment.signers.items() if taken_on in signers} == {"SendMessageBatch"}
    assert len(deployment.queued()) == 1


@pytest.mark.parametrize("words", [["list"], ["redrive", "--all", "--dry-run"]], ids=" ".join)
def test_nobody_takes_on_a_role_to_look(deployment: Deployment, run: Callable[..., Result], words: list[str]) -> None:
    deployment.outputs["OperatorRoleArn"] = OPERATOR
    deployment.reject()

    assert run(*words).status == 0
    assert "AssumeRole" not in deployment.calls


def test_who_may_not_take_on_the_operators_role_is_told_so_before_a_dead_letter_is_hidden(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.outputs["OperatorRoleArn"] = OPERATOR
    deployment.reject()
    deployment.instead["AssumeRole"] = lambda *_: refuse("AccessDenied")

    result = run("redrive", "--all")

    assert (result.status, result.out) == (2, "")
    assert f"let IAM allow sts:AssumeRole on {OPERATOR}" in result.err
    assert "ReceiveMessage" not in deployment.calls
    assert len(deployment.dead_letters()) == 1


# export


def test_an_export_has_a_line_of_each_dead_letter_with_everything(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path
) -> None:
    sent = {deployment.reject(), deployment.asynchronous()}
    file = tmp_path / "dead-letters.jsonl"

    result = run("export", file, "--json")

    assert result.json == {"exported": 2, "file": str(file)}
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert {dead_letter["id"] for dead_letter in found} == sent
    assert found[0]["body"] == PUNCH
    assert found[0]["attributes"]["receivedAt"] == {"DataType": "Number", "StringValue": str(RECEIVED_MS)}
    assert found[0]["systemAttributes"]
    assert file.stat().st_mode & 0o077 == 0
    assert len(deployment.dead_letters()) == 2


def test_an_export_overwrites_only_when_told_to(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path
) -> None:
    deployment.reject()
    file = tmp_path / "dead-letters.jsonl"
    file.write_text("old")

    refused = run("export", file)

    assert refused.status == 2
    assert f"{file} exists" in refused.err
    assert file.read_text() == "old"
    assert "ReceiveMessage" not in deployment.calls
    assert run("export", file, "--force").status == 0
    assert PUNCH.rstrip() in json.loads(file.read_text())["body"]


def test_an_export_follows_no_link_when_told_to_overwrite(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path
) -> None:
    deployment.reject()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "dead-letters.jsonl").symlink_to("mine")

    result = run("export", tmp_path / "dead-letters.jsonl", "--force")

    assert (result.status, (tmp_path / "mine").read_text()) == (2, "mine")
    assert (tmp_path / "dead-letters.jsonl").is_symlink()
    assert "is a symbolic link" in result.err


def test_an_export_that_does_not_reach_the_disk_fails_and_leaves_the_file_as_it_was(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.reject()
    file = tmp_path / "dead-letters.jsonl"
    file.write_text("old")

    def full(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = run("export", file, "--force")

    assert result.status == 2
    assert f"cannot write {file}: No space left on device" in result.err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_an_export_into_no_folder_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("export", tmp_path / "missing" / "dead-letters.jsonl")

    assert result.status == 2
    assert "is not a folder" in result.err


# purge


def test_a_purge_exports_and_then_deletes_what_is_old(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = deployment.reject()
    young = deployment.send(PUNCH)
    deployment.instead["DeleteMessageBatch"] = lambda delete, _: delete() if list(tmp_path.iterdir()) else stop()

    result = run("purge", "--older-than", "1h", "--yes", "--json")

    (file,) = tmp_path.glob("dead-letters-*.jsonl")
    assert result.json == {"deleted": 1, "failed": {}, "file": file.name}
    assert json.loads(file.read_text())["id"] == old
    assert [dead_letter["MessageId"] for dead_letter in deployment.dead_letters()] == [young]


def test_a_purge_that_cannot_export_deletes_nothing(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.reject()
    file = tmp_path / "dead-letters.jsonl"

    def full(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert run("purge", "--older-than", "1h", "--yes", "--export", file).status == 2
    assert len(deployment.dead_letters()) == 1


def test_a_purge_never_overwrites(deployment: Deployment, run: Callable[..., Result], tmp_path: Path) -> None:
    deployment.reject()
    file = tmp_path / "dead-letters.jsonl"
    file.write_text("old")

    assert run("purge", "--older-than", "1h", "--yes", "--export", file).status == 2
    assert file.read_text() == "old"
    assert len(deployment.dead_letters()) == 1


@pytest.mark.parametrize(
    ("answer", "status", "left"), [("y\n", 0, 0), ("yes\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), ("", 2, 1)]
)
def test_a_purge_asks_first(
    deployment: Deployment,
    run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
    left: int,
) -> None:
    deployment.reject()
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    file = tmp_path / "dead-letters.jsonl"

    result = run("purge", "--older-than", "1h", "--export", file)

    assert result.status == status
    assert f"Export 1 of 1 dead letter to {file}, then delete them?" in result.err
    assert file.exists() == (left == 0)
    assert len(deployment.dead_letters()) == left


def test_a_purge_of_nothing_asks_nothing_and_writes_nothing(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path
) -> None:
    deployment.send(PUNCH)
    file = tmp_path / "dead-letters.jsonl"

    result = run("purge", "--older-than", "7d", "--export", file)

    assert (result.status, result.out) == (0, "0 dead letters deleted, 0 failed\n")
    assert not file.exists()


def test_dead_letters_that_a_purge_could_not_delete_are_named(
    deployment: Deployment, run: Callable[..., Result], tmp_path: Path
) -> None:
    identifier = deployment.reject()
    deployment.instead["DeleteMessageBatch"] = lambda *_: refuse("AccessDenied")

    result = run("purge", "--older-than", "1h", "--yes", "--export", tmp_path / "dead-letters.jsonl", "--json")

    assert result.status == 1
    assert list(result.json["failed"]) == [identifier]


# pause and resume


def test_pausing_waits_until_the_drain_stands_and_says_what_it_means(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    result = run("pause")

    assert result.status == 0
    assert "paused: no batch begins" in result.out
    assert "at most 4 days" in result.out  # moto's default retention
    assert deployment.calls.count("GetEventSourceMapping") == 3
    assert run("pause", "--json").json == {"drain": "paused", "changed": False}
    assert run("resume").out.startswith("running again")
    assert run("resume", "--json").json == {"drain": "running", "changed": False}
    assert deployment.calls.count("UpdateEventSourceMapping") == 2


def paused(deployment: Deployment, days: float, retention_days: int = 9) -> None:
    """Have the drain paused so long ago, of a queue with the published numbers."""
    since = datetime.now(UTC) - timedelta(days=days)
    states = deployment.instead["GetEventSourceMapping"]
    deployment.instead["GetEventSourceMapping"] = lambda *call: states(*call) | {"LastModified": since}
    deployment.mapping_states = ["Disabled"]
    arn = deployment.sqs.get_queue_attributes(QueueUrl=deployment.dlq_url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 247}
    deployment.sqs.set_queue_attributes(
        QueueUrl=deployment.queue_url,
        Attributes={
            "MessageRetentionPeriod": str(retention_days * 86_400),
            "VisibilityTimeout": "451",
            "RedrivePolicy": json.dumps(policy),
        },
    )


@pytest.mark.parametrize(("days", "retention", "status"), [(7, 9, 0), (7.8, 9, 1), (12, 9, 1), (12, 14, 0)])
def test_a_pause_after_which_an_outage_could_lose_punches_is_not_ended_without_more(
    deployment: Deployment, run: Callable[..., Result], days: float, retention: int, status: int
) -> None:
    paused(deployment, days, retention)

    result = run("resume")

    assert result.status == status
    assert ("UpdateEventSourceMapping" in deployment.calls) == (status == 0)
    if status:
        assert f"paused for {days:.1f} of the 9 days that a punch is kept" in result.err
        assert "failed for 31 hours" in result.err
        assert f"--queue-url {deployment.queue_url} --attributes MessageRetentionPeriod=1209600" in result.err
        assert run("resume", "--force").status == 0


def known_ages(deployment: Deployment, waiting: float | None, failed: tuple[float, float] | None = None) -> None:
    """Have CloudWatch know ages, in days: of the oldest in the queue, and of what failed, so long ago."""
    now = datetime.now(UTC)
    points: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    if waiting is not None:
        key = ("AWS/SQS", "ApproximateAgeOfOldestMessage", "punches")
        earlier = {"Timestamp": now - timedelta(minutes=10), "Maximum": 13 * 86_400.0}  # before something was stored
        points[key] = [{"Timestamp": now - timedelta(minutes=5), "Maximum": waiting * 86_400}, earlier]
    if failed:
        key = ("BatidaPonto", "oldestFailedMilliseconds", "batida-ponto-dev-batidaPonto")
        points[key] = [{"Timestamp": now - timedelta(days=failed[1]), "Maximum": failed[0] * 86_400_000}]

    def answer(_: Call, asked: Any) -> Any:
        assert (asked["Period"], asked["Statistics"]) == (300, ["Maximum"])
        (dimension,) = asked["Dimensions"]
        found = points.get((asked["Namespace"], asked["MetricName"], dimension["Value"]), [])
        return {"Datapoints": [each for each in found if asked["StartTime"] <= each["Timestamp"] <= asked["EndTime"]]}

    deployment.instead["GetMetricStatistics"] = answer


@pytest.mark.parametrize(
    ("waiting", "failed", "status"),
    [
        (2.1, None, 0),  # all that waited in the first pause is stored
        (8, None, 1),  # paused for 6 days, then too shortly drained, then paused for 2 days
        (2.1, (6, 2), 1),  # the same, but SQS leaves out what failed three times
        (2.1, (6, 2.5), 0),  # failed long before the pause: it would have been back
        (None, (6, 2), 1),
        (None, None, 0),
    ],
)
def test_what_waited_before_the_last_pause_counts_too(
    deployment: Deployment,
    run: Callable[..., Result],
    waiting: float | None,
    failed: tuple[float, float] | None,
    status: int,
) -> None:
    paused(deployment, 2)
    known_ages(deployment, waiting, failed)

    result = run("resume")

    assert result.status == status
    assert ("UpdateEventSourceMapping" in deployment.calls) == (status == 0)
    if status:
        assert "the oldest punch has waited for 8.0 of the 9 days that a punch is kept" in result.err
    else:
        assert ("CloudWatch has no age of the oldest punch: only the pause was counted" in result.out) == (
            waiting is None
        )


def test_who_may_not_ask_for_ages_resumes_by_force_only(deployment: Deployment, run: Callable[..., Result]) -> None:
    paused(deployment, 2)
    deployment.instead["GetMetricStatistics"] = lambda *_: refuse("AccessDenied")

    result = run("resume")

    assert result.status == 2
    assert "AccessDenied" in result.err
    assert "GetMetricStatistics" in deployment.calls
    assert run("resume", "--force").status == 0


def test_a_drain_that_runs_is_not_asked_since_when(deployment: Deployment, run: Callable[..., Result]) -> None:
    paused(deployment, 12)
    deployment.mapping_states = ["Enabled"]

    assert run("resume", "--json").json == {"drain": "running", "changed": False}


def test_a_mapping_that_is_changing_is_waited_for_before_it_is_asked(
    deployment: Deployment, run: Callable[..., Result]
) -> None:
    deployment.mapping_states = ["Updating", "Updating", "Enabled"]

    assert run("pause").status == 0
    first_update = deployment.calls.index("UpdateEventSourceMapping")
    assert deployment.calls[:first_update].count("GetEventSourceMapping") == 3


def test_a_state_that_is_not_reached_in_time_is_said(
    deployment: Deployment, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_source, "_SWITCH_SECONDS", 0)
    deployment.mapping_states = ["Disabling"]

    result = run("pause")

    assert result.status == 1
    assert "m is still Disabling after 0 s" in result.err


def test_a_function_without_a_mapping_is_said(deployment: Deployment, run: Callable[..., Result]) -> None:
    deployment.instead["ListEventSourceMappings"] = lambda *_: {"EventSourceMappings": []}

    result = run("pause")

    assert result.status == 2
    assert "batida-ponto-dev-batidaPonto has no event source mapping" in result.err


# The deployment


def test_a_stack_that_does_not_exist_is_one_line(run: Callable[..., Result]) -> None:
    result = run("list", "--stage", "prod", "--region", "sa-east-1")

    assert result.status == 2
    assert result.err == (
        "ponto: no stack batida-ponto-prod in sa-east-1; is --stage, --region or --profile another?\n"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "no AWS credentials"),
        (refusal("ExpiredToken", "The security token is expired"), "ExpiredToken: The security token is expired"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "Is the stack up (make run)?"),
        (EndpointConnectionError(endpoint_url="https://sqs.eu-x-1.amazonaws.com"), "Is the network up, and the region"),
    ],
    ids=["no credentials", "expired", "no stack", "no network"],
)
def test_a_deployment_that_cannot_be_asked_is_one_line(
    deployment: Deployment, run: Callable[..., Result], error: Exception, said: str
) -> None:
    def fail(*_: Any) -> NoReturn:
        raise error

    deployment.instead["DescribeStacks"] = fail
    result = run("list")

    assert result.status == 2
    assert said in result.err
    assert result.err.count("\n") == 1


def test_a_profile_that_does_not_exist_is_one_line(run: Callable[..., Result]) -> None:
    result = run("list", "--profile", "nobody")

    assert result.status == 2
    assert result.err.startswith("ponto: ProfileNotFound: ")
    assert "nobody" in result.err


def test_a_stack_without_the_queues_is_one_line(deployment: Deployment, run: Callable[..., Result]) -> None:
    del deployment.outputs["DeadLetterQueueUrl"]

    result = run("list")

    assert result.status == 2
    assert "has no output DeadLetterQueueUrl; deploy it again" in result.err


def test_a_local_stack_that_does_not_run_is_one_line(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("list", "--stage", "local", "--state", tmp_path)

    assert result.status == 2
    assert result.err == (
        f"ponto: no local stack runs ({tmp_path}/stack.json does not exist); start it with make run\n"
    )


# The command line


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--reason", "conflicts"],
        ["list", "--since", "yesterday"],
        ["list", "--since", "999999w"],
        ["list", "--employee", "x"],
        ["purge"],
        ["show"],
        [],
    ],
    ids=" ".join,
)
def test_a_request_that_cannot_be_read_exits_with_2(words: list[str]) -> None:
    assert main(["dlq", *words]) == 2


def test_every_command_has_an_example_and_is_documented() -> None:
    page = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")

    assert set(dlq.commands) == {"list", "show", "redrive", "export", "purge", "pause", "resume"}
    for name, command in dlq.commands.items():
        assert f"example:\n  ponto dlq {name} " in command.get_help(click.Context(command))
        assert f"ponto dlq {name}" in page


def test_every_reason_is_documented() -> None:
    page = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")

    assert all(f"`{reason}`" in page for reason in REASONS)
    assert set(Reason) < set(REASONS)
