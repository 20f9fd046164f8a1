"""`ponto dlq`, with SQS and CloudWatch in moto, and stubs for its few calls of CloudFormation and Lambda."""

import io
import json
import os
import shlex
from collections import defaultdict
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ponto.drain.parser import parse
from ponto.punch import EVENT
from ponto.shared.event import Subject
from tests.aws import Call, receive_all, refusal, skip_long_polling
from tests.dead_letter_stage import (
    LAMBDA_ATTRIBUTES,
    LAMBDA_EVENT,
    ORIGINAL_ID,
    PUNCH,
    RECEIVED,
    DeadLetterStage,
    destination_record,
    message,
    text,
)
from tests.dead_letter_stage import dev as dev
from tests.events import RECEIVED_MS
from tests.events import punch as body_of
from tests.strategies import fill_text_fields, json_values
from tools.kit import event
from tools.kit.dead_letters import DeadLetter, Source, read, reasons
from tools.operate.dlq.command import print_details, print_table

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

PUNCH_ID = "0190163d-8694-739b-aea5-966c26f8ad91"
OWN = event.subject(7)
BINARY = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
DENIED = refusal("AccessDenied")
OPERATOR = "arn:aws:iam::123456789012:role/batida-ponto-dev-OperatorRole-1"


def bodies_without_id(offset: str) -> list[str]:
    """Return the body of a punch with a UTC offset and without an id; none if clients must send an id."""
    return [body_of(7, f"2026-10-01T08:00:00{offset}")] if EVENT.derived_id else []


# Reading a dead letter


ORIGIN = {"messageId": ORIGINAL_ID, "receivedAt": "1767225600000"}
IMPOSSIBLE_ORIGIN = {"messageId": ORIGINAL_ID, "receivedAt": str(RECEIVED_MS + 1)}  # after SQS stored it
RECEIVED_TOO_OFTEN = "received too often; the function's log has the reason of each failure"


RECORD = destination_record(LAMBDA_EVENT)


SHAPES: dict[str, tuple[Any, ...]] = {
    "rejected": (
        message(reason="conflict", detail="why", **ORIGIN),
        (Source.REJECTED, "conflict", "why"),
        ORIGIN,
        OWN,
    ),
    "rejected, like an event": (message(RECORD, reason="invalid"), (Source.REJECTED, "invalid", ""), {}, None),
    "with a false origin": (
        message(reason="invalid", **IMPOSSIBLE_ORIGIN),
        (Source.REJECTED, "invalid", ""),
        {},
        OWN,
    ),
    "moved by SQS": (message(), (Source.EXHAUSTED, "exhausted", RECEIVED_TOO_OFTEN), {}, OWN),
    "moved by SQS after a redrive": (
        message(**ORIGIN),
        (Source.EXHAUSTED, "exhausted", RECEIVED_TOO_OFTEN),
        ORIGIN,
        OWN,
    ),
    "by Lambda": (
        message("{}", **LAMBDA_ATTRIBUTES),
        (Source.ASYNCHRONOUS, "asynchronous", "200: not from SQS"),
        {},
        None,
    ),
    "by a destination": (message(RECORD), (Source.ASYNCHRONOUS, "asynchronous", "not from SQS"), {}, None),
}


@pytest.mark.parametrize(("message", "reason", "origin", "employee_id"), SHAPES.values(), ids=SHAPES.keys())
def test_dead_letter_has_source_reason_and_original_message(
    message: "MessageTypeDef", reason: tuple[Source, str, str], origin: dict[str, str], employee_id: Subject | None
) -> None:
    dead_letter = read(message)

    assert (dead_letter.source, dead_letter.reason, dead_letter.detail) == reason
    assert dead_letter.message_id == origin.get("messageId", "in-the-dlq")
    assert dead_letter.received == ("2026-01-01T00:00:00.000Z" if origin else RECEIVED)
    assert (dead_letter.employee_id, dead_letter.receive_count) == (employee_id, 301)


# list


def test_list_shows_all_sources_oldest_first_with_totals(dev: DeadLetterStage) -> None:
    dev.send(PUNCH)
    dev.reject()
    dev.reject()
    dev.send_event()

    result = dev.run("list")

    lines = result.out.splitlines()
    assert lines[0].split() == ["id", "reason", "employee", "received", "times", "why"]
    assert [line.split()[1] for line in lines[1:3]] == ["invalid", "invalid"]
    assert lines[1].split()[2:] == [str(OWN), *RECEIVED.replace(".234", "").split("T"), "1", "ponto:", "required"]
    assert {line.split()[1] for line in lines[3:5]} == {"exhausted", "asynchronous"}
    assert lines[5] == "4 dead letters: 1 asynchronous, 1 exhausted, 2 invalid"
    assert "their receive counts rise" in result.err


def test_json_of_list_lacks_the_body_and_json_of_show_has_everything(dev: DeadLetterStage) -> None:
    identifier = dev.reject(trace=BINARY)

    listed = {
        "id": identifier,
        "reason": "invalid",
        "detail": "ponto: required",
        "employee": OWN,
        "received": RECEIVED,
        "receives": 1,
        "messageId": ORIGINAL_ID,
    }
    assert dev.run("list", "--json").json == {"deadLetters": [listed], "totals": {"invalid": 1}}
    details = dev.run("show", identifier, "--json").json
    assert details.items() >= (listed | {"body": PUNCH, "receives": 2}).items()
    assert details["attributes"]["reason"] == text("invalid")
    assert details["attributes"]["trace"] == {"DataType": "Binary", "BinaryValue": "AP8="}
    assert details["systemAttributes"]["SentTimestamp"]


def test_list_is_filtered(dev: DeadLetterStage) -> None:
    dev.reject()
    dev.reject("conflict", body_of(8, "2026-10-01T08:00:00Z"))
    dev.send(PUNCH)
    dev.send_event()

    for words, expected in {
        "--reason conflict": {"conflict"},
        "--reason conflict --reason exhausted": {"conflict", "exhausted"},
        f"--employee {shlex.quote(str(event.subject(8)))}": {"conflict"},
        f"--employee {'-1' if EVENT.subject_type is int else '?'}": set(),  # may be in a dead letter, too
        "--since 1h": {"exhausted", "asynchronous"},
        "--until 2026-10-01T11:00:01.234Z": set(),
        "--since 2026-10-01T11:00:01.234Z --until 2026-10-01T11:00:01.235Z": {"conflict", "invalid"},
    }.items():
        assert set(dev.run("list", "--json", *shlex.split(words)).json["totals"]) == expected, words
        assert f"{len(expected)} of 4 dead letters" in dev.run("list", *shlex.split(words)).out


@pytest.mark.parametrize("stopped", [False, True], ids=["", "Ctrl-C"])
def test_listed_dead_letters_are_visible_again(dev: DeadLetterStage, stopped: bool) -> None:
    sent = {dev.reject() for _ in range(12)}

    def stop_at_the_second(receive: Call, parameters: Any) -> Any:
        if len(dev.calls.by_operation("ReceiveMessage")) == 2:
            raise KeyboardInterrupt
        return skip_long_polling(receive, parameters)

    if stopped:
        dev.stubs["ReceiveMessage"] = stop_at_the_second
    assert dev.run("list").status == (130 if stopped else 0)
    dev.stubs.pop("ReceiveMessage", None)
    assert dev.dead_letters() == sent


def test_dead_letters_hidden_by_another_command_are_mentioned(dev: DeadLetterStage) -> None:
    dev.reject()
    dev.dead_letters()

    result = dev.run("list")

    assert result.out == "0 dead letters\n"
    assert "about 1 more dead letter hidden" in result.err


@pytest.mark.parametrize(
    ("words", "message_text"),
    [("redrive --all", "3 redriven,"), ("purge --older-than 1h --yes", "3 dead letters deleted,")],
)
def test_duplicate_and_empty_responses_of_sqs_are_handled(
    dev: DeadLetterStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message_text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        dev.reject()

    def receive_duplicates(receive: Call, parameters: Any) -> Any:
        if len(dev.calls.by_operation("ReceiveMessage")) % 2:
            return {}
        parameters |= {"VisibilityTimeout": 0, "WaitTimeSeconds": 0}
        answer = receive()
        return answer | {"Messages": 2 * answer.get("Messages", [])}

    dev.stubs["ReceiveMessage"] = receive_duplicates
    assert dev.run("list", "--json").json["totals"] == {"invalid": 3}
    assert dev.run(*words.split()).out.startswith(message_text)
    assert [len(file.read_text().splitlines()) for file in tmp_path.iterdir()] == [3] * words.startswith("purge")


# show


def test_show_prints_everything_by_a_prefix_of_the_id(dev: DeadLetterStage) -> None:
    identifier = dev.reject()

    result = dev.run("show", identifier[:8])

    assert result.status == 0
    names = [f'  "{name}": "{text}"' for name, text in fill_text_fields("portão 日").items()]
    for shown in (identifier, ORIGINAL_ID, RECEIVED, "SentTimestamp", *names):
        assert shown in result.out


def test_dead_letter_is_found_by_the_message_id_of_the_202(dev: DeadLetterStage) -> None:
    identifier = dev.reject()

    assert dev.run("show", ORIGINAL_ID, "--json").json["id"] == identifier
    assert dev.run("redrive", ORIGINAL_ID[:8], "--json").json["redriven"] == [identifier]

    sent = dev.send(PUNCH)
    assert dev.run("show", sent, "--json").json["messageId"] == sent
    dev.reject()
    other = dev.reject()
    sent_before = len(dev.calls.by_operation("SendMessageBatch"))
    for verb in ("show", "redrive"):
        ambiguous = dev.run(verb, ORIGINAL_ID)
        assert ambiguous.status == 2
        assert other in ambiguous.err
    assert len(dev.calls.by_operation("SendMessageBatch")) == sent_before


@pytest.mark.parametrize(
    ("body", "punch_id"),
    [
        (body_of(7, "2026-10-01T08:00:00-03:00", id=PUNCH_ID.upper()), PUNCH_ID),
        (json.dumps({"id": PUNCH_ID}), PUNCH_ID),
        *((body, parse(body_of(7, "2026-10-01T11:00:00Z"), UTC).id) for body in bodies_without_id("-03:00")),
    ],
)
def test_dead_letter_is_found_by_the_id_of_its_punch(dev: DeadLetterStage, body: str, punch_id: str) -> None:
    identifier = dev.reject(body=body)
    dev.reject(body="{")

    assert dev.run("show", punch_id.upper(), "--json").json["id"] == identifier
    assert dev.run("redrive", punch_id, "--json").json["redriven"] == [identifier]


@pytest.mark.parametrize("prefix", ["zz", ""])
def test_unknown_id_is_reported(dev: DeadLetterStage, prefix: str) -> None:
    dev.reject()

    result = dev.run("show", prefix)

    assert result.status == 1
    assert f"begins with '{prefix}', or a punch with this id" in result.err


# redrive


def test_redriven_dead_letter_keeps_body_original_id_time_and_attributes(
    dev: DeadLetterStage,
) -> None:
    senders = {"apiKeyId": text("k4r2p0x9ab"), "sourceKey": text("00004000070000123/7")}
    identifier = dev.reject(trace=BINARY, **senders)

    result = dev.run("redrive", identifier[:8])

    assert (result.status, result.out.splitlines()[0]) == (0, "1 redriven, 0 failed")
    (punch,) = dev.queued()
    assert punch["Body"] == PUNCH
    carried = {"messageId": text(ORIGINAL_ID), "receivedAt": text(RECEIVED_MS, "Number")}
    assert punch["MessageAttributes"] == carried | {"trace": BINARY} | senders
    assert dev.dead_letters() == set()
    empty = read(message())._replace(attributes={"apiKeyId": {"DataType": "String"}})
    assert empty.attributes_to_resend().keys() == {"messageId", "receivedAt"}  # SQS refuses empty attributes


def test_dead_letter_moved_by_sqs_is_redriven_with_its_id_and_time(dev: DeadLetterStage) -> None:
    dev.set_redrive_policy(1, VisibilityTimeout="0")
    sent = dev.sqs.send_message(QueueUrl=dev.queue_url, MessageBody=PUNCH)["MessageId"]
    (received,) = receive_all(dev.sqs, dev.queue_url)

    assert dev.run("redrive", "--all", "--json").json == {"redriven": [sent], "failed": {}, "dryRun": False}

    (punch,) = dev.queued()
    texts = {name: value["StringValue"] for name, value in punch["MessageAttributes"].items()}
    assert texts == {"messageId": sent, "receivedAt": received["Attributes"]["SentTimestamp"]}


@pytest.mark.parametrize("wrapped", [False, True], ids=["as on AWS", "as a destination's record"])
def test_event_is_listed_and_invoked_again(dev: DeadLetterStage, wrapped: bool) -> None:
    other = dev.reject()
    if wrapped:
        dev.send(RECORD)
    else:
        dev.send_event()

    (event,) = dev.run("list", "--reason", "asynchronous", "--json").json["deadLetters"]
    assert event["detail"] == f"{'' if wrapped else '200: '}not from SQS"
    assert event["employee"] is None

    assert dev.run("redrive", "--reason", "asynchronous").out == "1 redriven, 0 failed\n"
    (invoked,) = dev.calls.by_operation("Invoke")
    assert json.loads(invoked.parameters.pop("Payload")) == LAMBDA_EVENT
    assert invoked.parameters == {"FunctionName": "batida-ponto-dev-batidaPonto", "InvocationType": "Event"}
    assert (dev.queued(), dev.dead_letters()) == ([], {other})


_records = {"requestContext": json_values(), "requestPayload": json_values(), "responsePayload": json_values()}
_bodies = st.text(min_size=1, max_size=20) | st.builds(json.dumps, json_values() | st.fixed_dictionaries(_records))


def check_handling(body: str, attributes: dict[str, str]) -> DeadLetter:
    """Assert that any message can be listed, shown and redriven; return its dead letter."""
    dead_letter = read(message(body, **attributes))
    assert dead_letter.reason in reasons()
    assert dead_letter.details()["body"] == body
    assert json.loads(json.dumps(dead_letter.details())).keys() > json.loads(json.dumps(dead_letter.summary())).keys()
    with redirect_stdout(io.StringIO()) as output:
        print_table([dead_letter])
        print_details(dead_letter)
    output.getvalue().encode()
    assert (
        dead_letter.event_to_retry()
        if dead_letter.source is Source.ASYNCHRONOUS
        else dead_letter.attributes_to_resend()
    )
    return dead_letter


@given(_bodies, st.sampled_from([{}, {"reason": "invalid"}, {"RequestID": "1", "ErrorCode": "200"}]))
@example("[" * 100_000, {"RequestID": "1", "ErrorCode": "200"})
@example(json.dumps({"requestContext": 1, "requestPayload": {}, "responsePayload": {"errorMessage": {}}}), {})
def test_any_message_can_be_listed_shown_and_redriven(body: str, attributes: dict[str, str]) -> None:
    check_handling(body, attributes)


def test_event_that_cannot_be_redriven_does_not_stop_the_others(
    dev: DeadLetterStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An event that could be parsed may still be nested too deeply to be written: the call stack is fuller then.
    unreadable = dev.send_event({"deep": 1})
    dev.send_event()
    real = DeadLetter.event_to_retry

    def event(self: DeadLetter) -> bytes:
        if "deep" in self.body:
            raise RecursionError
        return real(self)

    monkeypatch.setattr(DeadLetter, "event_to_retry", event)
    result = dev.run("redrive", "--all", "--json")

    assert result.json["failed"] == {unreadable: "the event cannot be read: RecursionError"}
    assert len(dev.calls.by_operation("Invoke")) == 1


def test_dry_run_lists_and_sends_nothing(dev: DeadLetterStage) -> None:
    identifier = dev.reject()
    dev.send_event()

    result = dev.run("redrive", "--all", "--dry-run")

    assert result.status == 0
    assert identifier[:8] in result.out
    assert "\n2 would be redriven, 0 failed\n" in result.out
    assert not {"SendMessageBatch", "Invoke", "DeleteMessageBatch"} & set(dev.calls.operations)
    assert len(dev.dead_letters()) == 2


REJECTED_AGAIN = "2 conflict, 1 malformed: fail again after every redrive, until their cause is corrected"


@pytest.mark.parametrize("words", ["", "--dry-run", "--json"])
def test_redrive_of_rejected_punches_prints_a_warning_before_and_after(dev: DeadLetterStage, words: str) -> None:
    for reason in ("malformed", "conflict", "conflict"):
        dev.reject(reason)
    dev.send(PUNCH)
    if words == "--json":
        dev.stubs["SendMessageBatch"] = KeyboardInterrupt()

    result = dev.run("redrive", "--all", *words.split())

    assert f"{REJECTED_AGAIN} (docs/dead-letters.md)\n" in result.err
    if words == "--json":  # the warning came before the first dead letter was sent
        assert (result.status, result.out) == (130, "")
        return
    assert result.status == 0
    count = "4 would be redriven" if words else "4 redriven"
    assert f"{count}, 0 failed\n{REJECTED_AGAIN} (docs/dead-letters.md)\n" in result.out


def test_unknown_id_fails_and_the_others_are_redriven(dev: DeadLetterStage) -> None:
    identifier = dev.reject()

    result = dev.run("redrive", identifier, "zz", "--json")

    assert result.status == 1
    assert result.json == {"redriven": [identifier], "failed": {"zz": "no such dead letter"}, "dryRun": False}


@pytest.mark.parametrize("words", [[], ["--all", "--reason", "invalid"], ["--all", "a"]], ids=" ".join)
def test_dead_letters_are_selected_in_exactly_one_way(dev: DeadLetterStage, words: list[str]) -> None:
    result = dev.run("redrive", *words)

    assert result.status == 2
    assert "name the dead letters either by --all, by --reason, or by their ids" in result.err
    assert dev.calls.history == []


def test_redrive_killed_between_send_and_delete_repeats_only_one_call(
    dev: DeadLetterStage,
) -> None:
    for number in range(25):
        dev.send(body_of(7, f"2026-10-01T08:00:{number:02}Z"))

    def kill_at_the_second(delete: Call, _: Any) -> Any:
        if len(dev.calls.by_operation("DeleteMessageBatch")) == 2:
            raise KeyboardInterrupt
        return delete()

    dev.stubs["DeleteMessageBatch"] = kill_at_the_second
    assert dev.run("redrive", "--all").status == 130
    del dev.stubs["DeleteMessageBatch"]
    assert dev.run("redrive", "--all").out == "15 redriven, 0 failed\n"

    copies = defaultdict[str, list[Any]](list)
    for punch in dev.queued():
        copies[punch["Body"]].append(punch["MessageAttributes"])
    assert sorted(map(len, copies.values())) == [1] * 15 + [2] * 10
    assert all(copy == first for first, *others in copies.values() for copy in others)
    assert dev.dead_letters() == set()


def test_messages_refused_by_sqs_stay_and_are_named(dev: DeadLetterStage) -> None:
    sent = [dev.reject(body=f"{number:02}") for number in range(12)]

    def refuse_one(_: Call, parameters: Any) -> Any:
        ids = {entry["MessageBody"]: entry["Id"] for entry in parameters["Entries"]}
        failed = [{"Id": ids[body], "Code": "InternalError", "SenderFault": False} for body in ["03"] if body in ids]
        successful = [{"Id": identifier} for body, identifier in ids.items() if body != "03"]
        return {"Successful": successful, "Failed": failed}

    dev.stubs["SendMessageBatch"] = refuse_one
    result = dev.run("redrive", "--all")

    assert result.status == 1
    assert result.out.startswith("11 redriven, 1 failed\n")
    assert f"failed: InternalError\n  {sent[3]}\n" in result.out
    assert dev.dead_letters() == {sent[3]}


@pytest.mark.parametrize(
    ("words", "queued", "why"),
    [
        ("redrive --all", 1, "sent, but not deleted (sending it again does no harm): "),
        ("purge --older-than 1h --yes --export dead-letters.jsonl", 0, ""),
    ],
)
def test_dead_letters_that_could_not_be_deleted_are_named(
    dev: DeadLetterStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, queued: int, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    identifier = dev.reject()
    failed = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "Message": "old", "SenderFault": True}
    for answer, error in (
        ({"Failed": [failed]}, "ReceiptHandleIsInvalid: old"),
        ({}, "no result from SQS"),
        (DENIED, "AWS refused Operation: AccessDenied: not you"),
    ):
        dev.stubs["DeleteMessageBatch"] = answer
        result = dev.run(*words.split(), "--json")
        assert result.status == 1
        assert result.json["failed"] == {identifier: why + error}
        assert len(dev.queued()) == queued
        (tmp_path / "dead-letters.jsonl").unlink(missing_ok=True)
    assert dev.dead_letters() == {identifier}


def test_missing_permission_is_reported_once_and_nothing_is_deleted(dev: DeadLetterStage) -> None:
    for _ in range(12):
        dev.reject()
    dev.send_event()
    dev.stubs |= {"SendMessageBatch": DENIED, "Invoke": DENIED}

    result = dev.run("redrive", "--all")

    assert result.status == 1
    assert result.out.startswith("0 redriven, 13 failed\n")
    assert result.out.count("AccessDenied") == 1
    assert len(dev.calls.by_operation("SendMessageBatch")) == 2
    assert len(dev.dead_letters()) == 13


def test_operator_role_is_assumed_only_to_redrive(dev: DeadLetterStage) -> None:
    dev.outputs["OperatorRoleArn"] = OPERATOR
    dev.reject()
    dev.send_event()

    for words in (["list"], ["redrive", "--all", "--dry-run"]):  # reading needs no role
        assert dev.run(*words).status == 0
    assert not dev.calls.by_operation("AssumeRole")
    assert dev.run("redrive", "--all").out.startswith("2 redriven, 0 failed\n")

    (assumed,) = dev.calls.by_operation("AssumeRole")
    assert assumed.parameters == {"RoleArn": OPERATOR, "RoleSessionName": "ponto-redrive"}
    (sent,) = (call for call in dev.calls.history if call.signer != assumed.signer)
    assert sent.operation == "SendMessageBatch"
    assert len(dev.queued()) == 1


# export


def test_export_has_a_complete_line_for_each_dead_letter(dev: DeadLetterStage, tmp_path: Path) -> None:
    sent = {dev.reject(), dev.send_event()}
    file = tmp_path / "dead-letters.jsonl"
    file.write_text("old")

    result = dev.run("export", file, "--force", "--json")

    assert result.json == {"exported": 2, "file": str(file)}
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert {dead_letter["id"] for dead_letter in exported} == sent
    assert exported[0]["body"] == PUNCH
    assert exported[0]["attributes"]["receivedAt"] == text(RECEIVED_MS, "Number")
    assert exported[0]["systemAttributes"]
    assert file.stat().st_mode & 0o077 == 0
    assert dev.dead_letters() == sent


@pytest.mark.parametrize("words", ["export --force", "purge --older-than 1h --yes --export"])
def test_failed_export_keeps_the_old_file_and_deletes_nothing(
    dev: DeadLetterStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    dev.reject()
    file = tmp_path / "dead-letters.jsonl"
    if "--force" in words:
        file.write_text("old")

    def full(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = dev.run(*words.split(), file)

    assert result.status == 2
    assert f"cannot write {file}: No space left on device" in result.err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"] * ("--force" in words)
    assert len(dev.dead_letters()) == 1


# purge


def test_purge_exports_old_dead_letters_then_deletes_them(
    dev: DeadLetterStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old, young = dev.reject(), dev.send(PUNCH)
    exported = False

    def delete_after_the_export(delete: Call, _: Any) -> Any:
        nonlocal exported
        exported = any(old in file.read_text() for file in tmp_path.iterdir())
        return delete()

    dev.stubs["DeleteMessageBatch"] = delete_after_the_export

    result = dev.run("purge", "--older-than", "1h", "--yes", "--json")

    (file,) = tmp_path.glob("dead-letters-*.jsonl")
    assert exported
    assert result.json == {"deleted": 1, "failed": {}, "file": file.name}
    assert json.loads(file.read_text())["id"] == old
    assert dev.dead_letters() == {young}


@pytest.mark.parametrize(
    ("answer", "status", "remaining"), [("y\n", 0, 0), ("yes\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), (None, 2, 1)]
)
def test_purge_asks_for_confirmation(
    dev: DeadLetterStage, tmp_path: Path, answer: str | None, status: int, remaining: int
) -> None:
    dev.reject()
    file = tmp_path / "dead-letters.jsonl"

    result = dev.run("purge", "--older-than", "1h", "--export", file, typed=answer)

    assert result.status == status
    assert f"Export 1 of 1 dead letter to {file}, then delete them?" in result.err
    assert file.exists() == (remaining == 0)
    assert len(dev.dead_letters()) == remaining


# pause and resume


def test_pause_waits_until_the_drain_is_paused(dev: DeadLetterStage) -> None:
    result = dev.run("pause")

    assert result.status == 0
    assert "paused: no batch is processed" in result.out
    assert "at most 4 days" in result.out  # moto's default retention
    assert len(dev.calls.by_operation("GetEventSourceMapping")) == 3
    assert dev.run("pause", "--json").json == {"drain": "paused", "changed": False}
    assert dev.run("resume").out.startswith("resumed")
    dev.drain_changed = {"LastModified": datetime.now(UTC) - timedelta(days=12)}
    # For a running drain, LastModified does not matter.
    assert dev.run("resume", "--json").json == {"drain": "running", "changed": False}
    assert len(dev.calls.by_operation("UpdateEventSourceMapping")) == 2


def pause(dev: DeadLetterStage, days: float, retention_days: int = 9) -> None:
    """Pause the drain some days ago, with a queue of the documented settings."""
    dev.drain = ["Disabled"]
    dev.drain_changed = {"LastModified": datetime.now(UTC) - timedelta(days=days)}
    dev.set_redrive_policy(247, VisibilityTimeout="451", MessageRetentionPeriod=str(retention_days * 86_400))


@pytest.mark.parametrize(("days", "retention", "status"), [(7, 9, 0), (7.8, 9, 1), (12, 9, 1), (12, 14, 0)])
def test_resume_after_a_long_pause_is_refused_without_force(
    dev: DeadLetterStage, days: float, retention: int, status: int
) -> None:
    pause(dev, days, retention)

    result = dev.run("resume")

    assert result.status == status
    assert len(dev.calls.by_operation("UpdateEventSourceMapping")) == 1 - status
    if status:
        assert f"paused for {days:.1f} of the 9 days that the queue keeps a punch" in result.err
        assert "failed for 31 hours" in result.err
        assert f"--queue-url {dev.queue_url} --attributes MessageRetentionPeriod=1209600" in result.err
        assert dev.run("resume", "--force").status == 0


def put_age(days: float, days_ago: float, *, failed: bool = False) -> None:
    """Put the age of the oldest punch in the queue, or of the oldest failed punch, into CloudWatch."""
    name, namespace = "ApproximateAgeOfOldestMessage", "AWS/SQS"
    dimension = {"Name": "QueueName", "Value": "punches"}
    if failed:
        name, namespace = "oldestFailedMilliseconds", "BatidaPonto"
        dimension = {"Name": "FunctionName", "Value": "batida-ponto-dev-batidaPonto"}
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [dimension],
                "Timestamp": datetime.now(UTC) - timedelta(days=days_ago),
                "Value": days * 86_400 * (1_000 if failed else 1),
            }
        ],
    )


@pytest.mark.parametrize(
    ("waiting", "failed", "status"),
    [
        (2.1, None, 0),  # all punches of an earlier pause were stored
        (8, None, 1),  # paused for 6 days, drained too briefly, then paused for 2 days
        (2.1, (6, 2), 1),  # the same, but the age in SQS leaves out punches that failed three times
        (2.1, (6, 2.5), 0),  # failed so long before the pause that it was delivered again
        (None, (6, 2), 1),
        (None, None, 0),
    ],
)
def test_resume_counts_the_waiting_time_before_the_pause(
    dev: DeadLetterStage, waiting: float | None, failed: tuple[float, float] | None, status: int
) -> None:
    pause(dev, 2)
    if waiting is not None:
        put_age(13, 10 / 1_440)  # ten minutes ago, before something was stored
        put_age(waiting, 5 / 1_440)
    if failed:
        put_age(*failed, failed=True)

    result = dev.run("resume")

    assert result.status == status
    assert len(dev.calls.by_operation("UpdateEventSourceMapping")) == 1 - status
    if status:
        assert "the oldest punch has waited for 8.0 of the 9 days that the queue keeps a punch" in result.err
    else:
        not_known = "CloudWatch has no age of the oldest punch, so only the pause was considered"
        assert (not_known in result.out) == (waiting is None)
    # moto has data of any period; AWS keeps data points of less than five minutes only for hours or days
    assert {call.parameters["Period"] for call in dev.calls.by_operation("GetMetricStatistics")} == {300}


def test_pause_disables_each_event_source_mapping_of_the_drain(dev: DeadLetterStage) -> None:
    states = {"first": "Enabled", "second": "Enabled"}

    def disable(_: Call, request: Any) -> Any:
        states[request["UUID"]] = "Disabled"
        return {}

    dev.stubs |= {
        "ListEventSourceMappings": {"EventSourceMappings": [{"UUID": name} for name in states]},
        "GetEventSourceMapping": lambda _, request: {"UUID": request["UUID"], "State": states[request["UUID"]]},
        "UpdateEventSourceMapping": disable,
    }

    result = dev.run("pause")

    assert (result.status, states) == (0, {"first": "Disabled", "second": "Disabled"})


def test_failed_pause_is_reported(dev: DeadLetterStage) -> None:
    dev.drain = ["Disabling"]
    timed_out = dev.run("pause")
    dev.stubs["ListEventSourceMappings"] = {"EventSourceMappings": []}
    without_mapping = dev.run("pause")

    assert (timed_out.status, without_mapping.status) == (1, 2)
    assert "m is still Disabling after 300 s" in timed_out.err
    assert "batida-ponto-dev-batidaPonto has no event source mapping" in without_mapping.err
