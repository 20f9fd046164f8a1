"""Commands for operators on the deployed stack: `ponto dlq` and `ponto trace`."""

import json
import time
import uuid

import pytest

from ponto.shared.event import Subject
from tests.commands import Run, runner
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import DRAIN, Deployed
from tests.waiting import wait_for
from tools.kit import event
from tools.local.stack import Stack


@pytest.fixture
def ponto(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `ponto` on the stack."""
    command = runner(capsys)
    return lambda *words: command(*words, "--state", deployed.state)


@pytest.fixture
def employee() -> Subject:
    """Return the id of an employee without punches."""
    return next(EMPLOYEES)


def create_punch(employee: Subject, **fields: object) -> dict[str, object]:
    return event.body(employee, "2026-10-01T08:00:00Z", id=str(uuid.uuid4()), **fields)


def test_redrive_stores_a_refused_punch_after_its_cause_is_removed(client: Client, dlq: Run, employee: Subject) -> None:
    with client.refuse_punches(employee):
        message_id = client.post(create_punch(employee)).body["messageId"]
        wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")
    (dead_letter,) = dlq("list", "--reason", "refused", "--json").json["deadLetters"]

    assert dlq("redrive", dead_letter["id"][:8]).out.startswith("1 redriven, 0 failed\n")

    client.wait_until_drained()
    (row,) = client.rows(employee)
    assert row.key == message_id  # the id of its message
    assert dlq("list").out == "0 dead letters\n"


def test_redriven_dead_letters_keep_their_received_at(client: Client, dlq: Run) -> None:
    ids = set()
    for _ in range(4):
        bodies = [json.dumps(create_punch(next(EMPLOYEES))) for _ in range(10)]
        sent = client.sqs.send_message_batch(
            QueueUrl=client.address.dlq_url,
            Entries=[{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)],
        )
        ids |= {entry["MessageId"] for entry in sent["Successful"]}
    sent_at = time.time()

    assert dlq("list", "--json").json["totals"] == {"exhausted": 40}
    assert dlq("redrive", "--all").out == "40 redriven, 0 failed\n"

    client.wait_until_drained()
    columns = "mensagem_id, extract(epoch from recebida_em)::float"
    rows = client.query(f"select {columns} from ponto.batida where mensagem_id = any(%s)", list(ids))
    assert {row[0] for row in rows} == ids
    assert len(rows) == 40
    assert max(row[1] for row in rows) <= sent_at


def test_paused_drain_leaves_punches_in_the_queue_until_it_is_resumed(
    client: Client, ponto: Run, dlq: Run, employee: Subject
) -> None:
    waiting = create_punch(employee)
    paused = dlq("pause")
    try:
        assert client.post(waiting).status == 202
        # If the drain were not paused, it would receive the punch within the batching window of a second.
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert client.depth(client.address.queue_url) == 1
            time.sleep(0.1)
        traced = ponto("trace", waiting["id"], "--json")
        (message,) = client.sqs.receive_message(
            QueueUrl=client.address.queue_url, VisibilityTimeout=0, MessageSystemAttributeNames=["All"]
        )["Messages"]
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"  # by this test
        assert client.rows(employee) == []
    finally:
        resumed = dlq("resume")

    assert (paused.status, resumed.status) == (0, 0)
    assert "at most 9 days" in paused.out
    assert (traced.status, traced.json["rows"], traced.json["unread"]) == (1, [], [])
    assert (traced.json["queue"]["drain"], traced.json["queue"]["depth"]["visible"]) == ("Disabled", 1)
    client.wait_until_drained()
    assert len(client.rows(employee)) == 1
    assert ponto("trace", waiting["id"]).status == 0


def test_redriven_asynchronous_event_that_fails_again_becomes_a_new_dead_letter(
    client: Client, stack: Stack, dlq: Run
) -> None:
    invalid_event = {"Records": [{"eventSource": "aws:s3", "key": str(uuid.uuid4())}]}
    stack.client("lambda").invoke(FunctionName=DRAIN, InvocationType="Event", Payload=json.dumps(invalid_event))
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter of the event")
    (first,) = dlq("list", "--json").json["deadLetters"]
    assert first["reason"] == "asynchronous"
    assert "not from SQS" in first["detail"]

    assert dlq("redrive", "--reason", "asynchronous").out == "1 redriven, 0 failed\n"

    (dead_letter,) = client.dead_letters(1)
    assert dead_letter["MessageId"] != first["id"]
    assert json.loads(dead_letter["Body"])["requestPayload"] == invalid_event
