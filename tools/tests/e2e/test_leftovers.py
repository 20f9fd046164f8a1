"""Recovery of the emulator and its queues after a killed or failed run, without a deploy to save time."""

import io
import json
import shutil
import signal
import socket
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_for
from tools.kit.queue_reader import depth
from tools.local import emulator, saved_state, watchdog
from tools.local.emulator import Emulator


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ponto-left-"))
    yield folder / "aws"
    for process in psutil.process_iter(["cmdline"]):
        if str(folder / "aws") in (process.info["cmdline"] or []):
            process.kill()
    while EMULATORS:
        EMULATORS.pop().process.communicate()
    while OPEN_CALLS:
        OPEN_CALLS.pop().close()
    shutil.rmtree(folder)


EMULATORS: list[Emulator] = []
OPEN_CALLS: list[socket.socket] = []  # calls without a response


def start(state: Path, port: int) -> Emulator:
    """Start an emulator as `run_local_stack` does."""
    watchdog.end_stack(state.parent)
    emulator.require_free(port)
    aws = emulator.start(port, state, state.with_suffix(".log"))
    EMULATORS.append(aws)
    return aws


def count_messages(aws: Emulator) -> int:
    sqs = aws.client("sqs")
    urls = sqs.list_queues().get("QueueUrls", [])
    return sum(depth(sqs, url).visible for url in urls)


def put_messages(aws: Emulator, messages: int, size: int = 10) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="punches")["QueueUrl"]
    for first in range(0, messages, 10):
        entries = [{"Id": str(index), "MessageBody": "x" * size} for index in range(min(10, messages - first))]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def keep_running(_: Emulator) -> None:
    """Leave the emulator of a killed run running."""


def freeze(aws: Emulator) -> None:
    aws.process.send_signal(signal.SIGSTOP)


def terminate(aws: Emulator) -> None:
    aws.process.terminate()


def terminate_and_freeze(aws: Emulator) -> None:
    aws.process.terminate()
    aws.process.send_signal(signal.SIGSTOP)


def kill(aws: Emulator) -> None:
    aws.process.kill()  # and do not wait for the process, so that it is a zombie


WAYS_TO_LEAVE: list[Callable[[Emulator], None]] = [keep_running, freeze, terminate, terminate_and_freeze, kill]


def test_emulator_starts_at_the_first_try_after_any_end_of_the_last_run(state: Path) -> None:
    port = emulator.find_free_port()
    expected_count = 0
    for leave in WAYS_TO_LEAVE:
        aws = start(state, port)
        assert count_messages(aws) == expected_count, leave
        assert saved_state.unsaved_since(state)
        put_messages(aws, 1)
        leave(aws)
        expected_count += leave is not kill  # a killed emulator loses its messages
    aws = start(state, port)
    assert count_messages(aws) == expected_count
    aws.stop()
    assert not aws.is_running()
    assert saved_state.unsaved_since(state) is None


def deploy_hanging_resources(aws: Emulator) -> None:
    """Deploy a function that hangs, call it once and with three events, and create two stacks that never finish."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", "import time\ndef main(*_):\n    time.sleep(3600)\n")
    functions = aws.client("lambda")
    arn = functions.create_function(
        FunctionName="hangs",
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/x",
        Handler="index.main",
        Timeout=900,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    for _ in range(3):  # a file's import is such an event
        functions.invoke(FunctionName="hangs", InvocationType="Event", Payload="{}")
    custom = {"Type": "Custom::Thing", "Properties": {"ServiceToken": arn}}
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    condition = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600", "Count": 1},
    }
    for name, resources in (("custom", {"Thing": custom}), ("waits", {"Handle": handle, "Condition": condition})):
        template = json.dumps({"Resources": resources})
        aws.client("cloudformation").create_stack(StackName=name, TemplateBody=template)
    body = json.dumps({}).encode()
    head = f"POST /2015-03-31/functions/hangs/invocations HTTP/1.1\r\nHost: {emulator.HOST}:{aws.port}\r\n"
    key = f"Authorization: AWS4-HMAC-SHA256 Credential={aws.key}/20261001/us-east-1/lambda/aws4_request\r\n"
    OPEN_CALLS.append(socket.create_connection((emulator.HOST, aws.port)))
    OPEN_CALLS[-1].sendall(f"{head}{key}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def workers(aws: Emulator) -> list[psutil.Process]:
    return psutil.Process(aws.process.pid).children(recursive=True)


def test_emulator_stops_within_ten_seconds_and_keeps_all_messages(state: Path) -> None:
    aws = start(state, emulator.find_free_port())
    put_messages(aws, 20)
    deploy_hanging_resources(aws)
    wait_for(lambda: len(workers(aws)) >= 2, "the workers of the call and of the custom resource")
    hanging_workers = workers(aws)

    printed: list[str] = []
    started_at = time.monotonic()
    aws.stop(printed.append)

    assert time.monotonic() < started_at + 10  # the documented maximum
    [line] = printed
    assert line.startswith("Uploaded files that were not completely imported: 3,")
    assert saved_state.unsaved_since(state) is None
    wait_for(
        lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in hanging_workers),
        "the workers to end",
    )
    restarted = start(state, aws.port)
    assert count_messages(restarted) == 20
    restarted.stop()
