"""What an emulator leaves when it or its run ends badly, and what becomes of its queues: no deploy, to be quick."""

import resource
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_for
from tools.local import emulator, saved
from tools.local.emulator import Emulator
from tools.local.errors import LocalError


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ponto-left-"))
    yield folder / "aws"
    for process in psutil.process_iter(["cmdline"]):
        if str(folder / "aws") in (process.info["cmdline"] or []):
            process.kill()
    while STARTED:
        STARTED.pop().process.wait()
    shutil.rmtree(folder)


STARTED: list[Emulator] = []


def start(state: Path, port: int) -> Emulator:
    """Start as `running` does."""
    emulator.end_leftover(state)
    emulator.require_free(port)
    aws = emulator.start(port, state, state.with_suffix(".log"))
    STARTED.append(aws)
    return aws


def count(aws: Emulator) -> int:
    return aws._depths().get("punches", 0)


def put(aws: Emulator, messages: int, size: int = 10) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="punches")["QueueUrl"]
    for first in range(0, messages, 10):
        entries = [{"Id": str(each), "MessageBody": "x" * size} for each in range(min(10, messages - first))]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def run_away(_: Emulator) -> None:
    """Its run was killed, and it goes on."""


def freeze(aws: Emulator) -> None:
    aws.process.send_signal(signal.SIGSTOP)


def ending(aws: Emulator) -> None:
    aws.process.terminate()


def ending_and_frozen(aws: Emulator) -> None:
    aws.process.terminate()
    aws.process.send_signal(signal.SIGSTOP)


def zombie(aws: Emulator) -> None:
    aws.process.kill()  # and nobody asks how it ended


LEFT: list[Callable[[Emulator], None]] = [run_away, freeze, ending, ending_and_frozen, zombie] * 2


def test_ten_starts_come_up_at_the_first_try_whatever_the_one_before_left(state: Path) -> None:
    port = emulator.free_port()
    kept = 0
    for leave in LEFT:
        aws = start(state, port)
        assert count(aws) == kept, leave
        put(aws, 1)
        leave(aws)
        kept += leave is not zombie  # killed, it loses what it was given
    aws = start(state, port)
    assert count(aws) == kept
    aws.stop()
    assert not aws.is_running()
    assert saved.unsaved_since(state) is None


def test_a_full_disk_is_an_error_that_says_how_much_is_missing(state: Path) -> None:
    port = emulator.free_port()
    aws = start(state, port)
    put(aws, 70)
    aws.stop()
    aws = start(state, port)
    put(aws, 730, 1_000)
    resource.prlimit(aws.process.pid, resource.RLIMIT_FSIZE, (400_000, 400_000))  # what is larger cannot be written

    with pytest.raises(LocalError, match="Missing: 730 of 800 messages of punches") as error:
        aws.stop()

    assert not aws.is_running()
    assert "Traceback" not in str(error.value)
    assert saved.unsaved_since(state)
    again = start(state, port)
    assert count(again) == 70  # what was saved before stays
    again.stop()


def test_an_emulator_that_was_killed_leaves_a_mark_until_it_has_saved(state: Path) -> None:
    aws = start(state, emulator.free_port())
    assert saved.unsaved_since(state)
    aws.process.kill()
    aws.process.wait()
    assert saved.unsaved_since(state)
    aws.stop()  # there is nothing to stop

    again = start(state, emulator.free_port())
    again.stop()

    assert saved.unsaved_since(state) is None


def test_a_port_that_is_taken_is_said_before_anything_is_started(state: Path) -> None:
    aws = start(state, emulator.free_port())
    with pytest.raises(LocalError, match=f"Port {aws.port} is in use"):
        emulator.require_free(aws.port)
    aws.stop()
    wait_for(lambda: not psutil.pid_exists(aws.process.pid), "its end")
