"""Faults of the function and invalid messages, on the deployed stack."""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from operator import itemgetter
from typing import Any

import pytest

from loadtest.ledger import Ledger
from ponto.shared.event import Subject
from tests.e2e.client import EMPLOYEES, Client, Response, expected_message
from tests.e2e.deployed import DRAIN, Deployed
from tests.waiting import wait_for
from tools.kit import event
from tools.kit.invalid_bodies import INVALID_BODIES
from tools.kit.osls import stack_outputs
from tools.local.faults import DatabaseFaults
from tools.local.stack import Stack

# Replaces the deployed handler.py, which it imports as `original`. It kills the process on one id.
_CRASHING_HANDLER = """
import os, signal
from functools import cache
from ponto.shared import config
from ponto.drain.drain import create_drain
from ponto.drain.parser import parse
import original
from original import schema

def parse_or_crash(body, zone):
    if "dead1e55-0000-7000-8000-000000000000" in body:
        os.kill(os.getpid(), signal.SIGKILL)
    return parse(body, zone)

@cache
def drain():
    return create_drain(config.load_drain(), parse=parse_or_crash)

def main(event, context):
    return original.main(event, context, drain())
"""


MICROSECONDS = count()
CRASHING_ID = "dead1e55-0000-7000-8000-000000000000"


def punch(employee: Subject, **more: Any) -> dict[str, Any]:
    instant = f"2026-10-01T08:00:00.{next(MICROSECONDS):06}Z"
    return event.body(employee, instant, id=str(uuid.uuid4()), **more)


def send(client: Client, body: str) -> str:
    """Send a message directly to the queue; return its id."""
    response = client.sqs.send_message(QueueUrl=client.address.queue_url, MessageBody=body)
    return str(response["MessageId"])


def test_invalid_messages_are_dead_lettered_and_their_batches_are_stored(client: Client) -> None:
    employees = [next(EMPLOYEES) for _ in INVALID_BODIES]
    expected = {}
    for employee, (reason, body) in zip(employees, INVALID_BODIES.values(), strict=True):
        expected[send(client, body)] = (reason, body)
        send(client, json.dumps(punch(employee)))

    # At the first receive: a message with an unexpected error would stay hidden for the visibility timeout of 109 s.
    dead_letters = client.dead_letters(len(INVALID_BODIES))

    rejections = {}
    for dead_letter in dead_letters:
        texts = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
        assert texts["detail"]
        rejections[texts["messageId"]] = (texts["reason"], dead_letter["Body"])
    assert rejections == expected
    client.wait_until_drained()
    assert sorted(row.punch.employee_id for row in client.rows(*employees)) == sorted(employees)


def test_all_punches_are_stored_within_30_s_after_a_lock_of_the_database(deployed: Deployed, client: Client) -> None:
    # The lock makes statements fail, and the function shortens the visibility timeout of the failed messages. Only if
    # the function was killed or could not shorten it, as may happen on a busy machine, do messages stay hidden for the
    # queue's timeout of 109 s.
    # The workers are started first, so that their start is not measured.
    _warm_up_workers(client)
    punches = [punch(next(EMPLOYEES)) for _ in range(400)]
    before = len(deployed.stack.aws.log.read_text())
    started_at = time.monotonic()

    def post(index: int) -> Response:
        due_at = started_at + index / 50
        time.sleep(max(0, due_at - time.monotonic()))
        return client.post(punches[index])

    with ThreadPoolExecutor(16) as clients:
        posted = clients.map(post, range(len(punches)))
        wait_for(lambda: time.monotonic() > started_at + 1, "some punches to be stored")
        with DatabaseFaults(deployed.stack.database).kinds["locked"]():
            locked_at = time.monotonic()
            wait_for(lambda: time.monotonic() > locked_at + 5, "five seconds")
        unlocked_at = time.monotonic()
        responses = list(posted)
        assert {response.status for response in responses} == {202}
    accepted_at = time.monotonic()

    client.wait_until_drained()

    drain_seconds = time.monotonic() - unlocked_at
    accepted_ids = (response.body["messageId"] for response in responses)
    ledger = client.compare(dict(zip(accepted_ids, map(expected_message, punches), strict=True)))
    assert ledger == Ledger(len(punches), 0, {}, [], [], [])
    assert client.depth(client.address.dlq_url) == 0
    if drain_seconds > 30 + accepted_at - unlocked_at:
        log = deployed.stack.aws.log.read_text()[before:]
        assert "timed out after" in log or "redelivery: " in log, log


def _warm_up_workers(client: Client) -> None:
    with ThreadPoolExecutor(10) as clients:
        list(clients.map(client.post, [punch(next(EMPLOYEES)) for _ in range(100)]))
    client.wait_until_drained()


def _deployed_zip(stack: Stack) -> bytes:
    s3 = stack.client("s3")
    bucket = stack_outputs(stack.client("cloudformation"), "local")["ServerlessDeploymentBucketName"]
    objects = s3.list_objects_v2(Bucket=bucket)["Contents"]
    zips = [entry for entry in objects if entry["Key"].endswith("/batida-ponto.zip")]
    newest = max(zips, key=itemgetter("LastModified"))["Key"]
    content: bytes = s3.get_object(Bucket=bucket, Key=newest)["Body"].read()
    return content


@pytest.fixture
def crashing_function(deployed: Deployed, client: Client) -> Iterator[None]:
    """Deploy a function that one body kills, and make SQS redrive messages soon."""
    functions, queue = deployed.stack.client("lambda"), client.address.queue_url
    package = _deployed_zip(deployed.stack)
    before = client.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout", "RedrivePolicy"])
    policy = json.loads(before["Attributes"]["RedrivePolicy"]) | {"maxReceiveCount": 20}
    client.sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy)}
    )
    variables = functions.get_function_configuration(FunctionName=DRAIN)["Environment"]["Variables"]
    changed = variables | {"RETRY_DELAYS": "", "VISIBILITY_TIMEOUT": "1"}
    functions.update_function_configuration(FunctionName=DRAIN, Environment={"Variables": changed})
    functions.update_function_code(FunctionName=DRAIN, ZipFile=_add_crashing_handler(package))
    yield
    functions.update_function_code(FunctionName=DRAIN, ZipFile=package)
    functions.update_function_configuration(FunctionName=DRAIN, Environment={"Variables": variables})
    client.wait_until_drained()
    client.sqs.set_queue_attributes(QueueUrl=queue, Attributes=before["Attributes"])


def _add_crashing_handler(package: bytes) -> bytes:
    archive = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as deployed,
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as crashing,
    ):
        for name in deployed.namelist():
            crashing.writestr("original.py" if name == "handler.py" else name, deployed.read(name))
        crashing.writestr("handler.py", _CRASHING_HANDLER)
    return archive.getvalue()


@pytest.mark.slow
@pytest.mark.usefixtures("crashing_function")
def test_message_that_kills_the_process_is_redriven_and_others_are_stored(deployed: Deployed, client: Client) -> None:
    log, (crashing, companion, *late) = deployed.stack.aws.log, [next(EMPLOYEES) for _ in range(7)]
    deaths_before = _count_worker_deaths(log.read_text)
    body = json.dumps(punch(crashing) | {"id": CRASHING_ID})
    message_id = send(client, body)
    client.post(punch(companion))  # in the batch of the crashing message or soon after it
    # After more receives of the crashing message, the drain processes new messages before it.
    wait_for(lambda: _count_worker_deaths(log.read_text) - deaths_before > 4, "the message to be a crash suspect")
    for employee in late:
        client.post(punch(employee))

    wait_for(lambda: client.depth(client.address.queue_url) == 0, "the message to be redriven")

    assert sorted(row.punch.employee_id for row in client.rows(companion, *late)) == sorted([companion, *late])
    assert CRASHING_ID not in {row.punch.id for row in client.rows(crashing)}
    # Messages of its batches may be redriven too: they were stored, but the crash prevented their deletion.
    dead_letters = {
        dead_letter["MessageId"]: dead_letter
        for dead_letter in client.dead_letters(client.depth(client.address.dlq_url))
    }
    assert dead_letters[message_id]["Body"] == body
    assert "MessageAttributes" not in dead_letters[message_id]  # moved by SQS, not by the function


def _count_worker_deaths(read: Callable[[], str]) -> int:
    return read().count("Worker process died")
