"""Stop of the local stack: the wait for the emulator's save, and reports of unsaved messages."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clock import FakeClock
from tests.waiting import background_process
from tools.kit.stopping import StopSignalError, raise_on_first_signal
from tools.local import __main__ as command
from tools.local import emulator, saved_state
from tools.local.errors import LocalError, UnsavedError

# A process that prints a line once it runs, and runs some code at SIGTERM.
PROGRAM = """
import signal, sys, time
def stop(*_):
    {code}
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
while True:
    signal.pause()
"""
BUSY_CODE = "end = time.monotonic() + 3\n    while time.monotonic() < end: pass"
IDLE_CODE = "time.sleep(60)"


@contextmanager
def running_emulator(code: str, state: Path) -> Iterator[emulator.Emulator]:
    """Run a process that stands for the emulator, and has its command line.

    Args:
        code: Python code that the process runs at SIGTERM.
        state: Folder of the emulator.
    """
    log = state / "emulator.log"
    log.touch()
    command_line = [sys.executable, "-c", PROGRAM.format(code=code), "tools.local.serve", str(state)]
    with background_process(command_line, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield emulator.Emulator(process, 1, state, log, "key")


def stop(aws: emulator.Emulator, print_status: emulator.PrintStatus) -> int:
    """Stop the emulator, with short time limits; return the exit status of its process."""
    aws.stop(print_status, stalled_seconds=1, seconds_between_lines=0.5)
    return aws.process.wait()


def test_stop_waits_while_the_save_uses_processor_time(tmp_path: Path) -> None:
    printed: list[str] = []
    with running_emulator(BUSY_CODE, tmp_path) as aws:
        assert stop(aws, printed.append) == 0

    assert len(printed) >= 3
    assert printed[0].startswith("saving queues, functions and the rest, for ")


def test_stop_gives_up_a_save_without_progress(tmp_path: Path) -> None:
    with running_emulator(IDLE_CODE, tmp_path) as aws, pytest.raises(UnsavedError):
        stop(aws, lambda _: None)


def test_ctrl_c_while_a_failed_run_saves_does_not_end_the_save(tmp_path: Path) -> None:
    presses = [StopSignalError()]

    def press_ctrl_c_once(_: str) -> None:
        if presses:
            raise presses.pop()

    with running_emulator(BUSY_CODE, tmp_path) as aws:
        assert stop(aws, press_ctrl_c_once) == 0

    assert not presses


def test_ctrl_c_while_an_old_emulator_saves_explains_how_to_wait(tmp_path: Path) -> None:
    def press_ctrl_c(_: str) -> None:
        raise StopSignalError

    with running_emulator(IDLE_CODE, tmp_path) as aws, pytest.raises(UnsavedError) as error:
        emulator.stop_leftovers(tmp_path, press_ctrl_c)

    pid = aws.process.pid
    assert str(error.value) == (
        f"Process {pid}, the emulator of a run that was killed, is still saving, and ends once everything is saved. "
        f"Wait for that and repeat the command. `kill -9 {pid}` ends it and loses what is not saved."
    )


def test_unsaved_messages_are_counted(tmp_path: Path) -> None:
    held = {"punches": {"a", "b", "c"}, "letters": {"d"}, "empty": set[str]()}
    nothing_saved = {"empty": (0, 0), "letters": (1, 1), "punches": (3, 3)}
    saved_state.folder(tmp_path).mkdir()
    assert saved_state.count_unsaved(tmp_path, held) == nothing_saved

    file = saved_state.folder(tmp_path) / "sqs.json"
    queues = [
        {"name": "punches", "messages": [{"id": "a"}]},
        {"name": "letters", "messages": [{"id": "d"}, {"id": "e"}]},
    ]
    data = {"__account_region_scoped__": True, "data": dict(enumerate(queues))}
    content = json.dumps({"payload": {"queues": data}})
    file.write_text(content)
    assert saved_state.count_unsaved(tmp_path, held) == {"empty": (0, 0), "letters": (0, 1), "punches": (2, 3)}

    for unreadable in (content[:-20], "\0", "null", "[]", '{"payload": {}}'):
        file.write_text(unreadable)
        assert saved_state.count_unsaved(tmp_path, held) == nothing_saved


@pytest.fixture
def _signals() -> Iterator[None]:
    """Restore the signal handlers at the end of the test."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def clock(_signals: None) -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_failed_save_is_retried_for_a_minute_after_a_signal(first: signal.Signals, clock: FakeClock) -> None:
    deadline = command.SaveDeadline(clock)
    deadline.handle_signal(first)
    clock.sleep(100)  # the first attempt took long
    assert deadline.seconds_left() >= 60
    if first == signal.SIGINT:
        os.kill(os.getpid(), signal.SIGTERM)

    clock.sleep(59)
    assert deadline.seconds_left() == 1


@pytest.mark.usefixtures("_signals")
def test_failure_is_printed_before_the_lost_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def lose() -> None:
        raise UnsavedError("3 of 4 queued punches are lost")

    @contextmanager
    def running(*_: object, **__: object) -> Iterator[Any]:
        with ExitStack() as parts:
            parts.callback(lose)
            raise LocalError("PostgreSQL ended by itself")
            yield

    assert command.run_until_stopped(1, tmp_path, running) == 3

    printed = capsys.readouterr().err
    assert printed == "\nmake run: PostgreSQL ended by itself\n\nmake run: 3 of 4 queued punches are lost\n"


@pytest.mark.usefixtures("_signals")
def test_first_signal_is_announced_and_later_ones_are_ignored() -> None:
    announced: list[int] = []
    raise_on_first_signal(announced.append)

    with pytest.raises(StopSignalError):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)

    assert announced == [signal.SIGTERM]
