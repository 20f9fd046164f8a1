"""Recovery of the emulator and its queues after a killed or failed run, without a deploy to save time."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tools.kit.queue_reader import depth
from tools.local import emulator, watchdog
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
    shutil.rmtree(folder)


EMULATORS: list[Emulator] = []


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


def put_message(aws: Emulator) -> None:
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=sqs.create_queue(QueueName="punches")["QueueUrl"], MessageBody="x")


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
        assert (state / emulator.UNSAVED).exists()
        put_message(aws)
        leave(aws)
        expected_count += leave is not kill  # a killed emulator loses its messages
    aws = start(state, port)
    assert count_messages(aws) == expected_count
    aws.stop()
    assert not aws.is_running()
    assert not (state / emulator.UNSAVED).exists()
