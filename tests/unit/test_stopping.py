"""Waiting for an emulator to save, and reports of what it did not save."""

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
from tools.local import emulator, saved
from tools.local.errors import LocalError, UnsavedError

# A process that says when it is up, and what it does at SIGTERM.
PROGRAM = """
import signal, sys, time
def stop(*_):
    {act}
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
while True:
    signal.pause()
"""
WORKS = "end = time.monotonic() + 3\n    while time.monotonic() < end: pass"
HANGS = "time.sleep(60)"


def stop(act: str, folder: Path) -> tuple[list[str], int]:
    """Stop a process as if it were an emulator; return what is printed, and the process' exit status."""
    printed: list[str] = []
    log = folder / "emulator.log"
    log.touch()
    with background_process([sys.executable, "-c", PROGRAM.format(act=act)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        aws = emulator.Emulator(process, 1, folder, log, "key")
        aws.stop(printed.append, stalled_seconds=1, seconds_between_lines=0.5)
        return printed, process.wait()


def test_a_save_is_waited_for_as_long_as_it_works_and_that_is_said(tmp_path: Path) -> None:
    printed, status = stop(WORKS, tmp_path)

    assert status == 0
    assert len(printed) >= 3
    assert printed[0].startswith("saving queues, functions and the rest, for ")


def test_a_save_that_stands_still_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(UnsavedError):
        stop(HANGS, tmp_path)


def test_messages_that_the_queues_file_lacks_are_counted(tmp_path: Path) -> None:
    held = {"punches": {"a", "b", "c"}, "letters": {"d"}, "empty": set[str]()}
    nothing_saved = {"empty": (0, 0), "letters": (1, 1), "punches": (3, 3)}
    saved.folder(tmp_path).mkdir()
    assert saved.count_unsaved(tmp_path, held) == nothing_saved

    file = saved.folder(tmp_path) / "sqs.json"
    queues = [
        {"name": "punches", "messages": [{"id": "a"}]},
        {"name": "letters", "messages": [{"id": "d"}, {"id": "e"}]},
    ]
    data = {"__account_region_scoped__": True, "data": dict(enumerate(queues))}
    content = json.dumps({"payload": {"queues": data}})
    file.write_text(content)
    assert saved.count_unsaved(tmp_path, held) == {"empty": (0, 0), "letters": (0, 1), "punches": (2, 3)}

    for unreadable in (content[:-20], "\0", "null", "[]", '{"payload": {}}'):
        file.write_text(unreadable)
        assert saved.count_unsaved(tmp_path, held) == nothing_saved


@pytest.fixture
def _signals() -> Iterator[None]:
    """Restore what the signals do."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def clock(_signals: None) -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_after_another_signal_a_failed_save_is_waited_for_a_minute(first: signal.Signals, clock: FakeClock) -> None:
    wait = command.SaveWait(clock)
    wait.stop(first)
    clock.sleep(100)  # the first attempt took long
    assert wait.seconds_left() >= 60
    if first == signal.SIGINT:
        os.kill(os.getpid(), signal.SIGTERM)

    clock.sleep(59)
    assert wait.seconds_left() == 1


@pytest.mark.usefixtures("_signals")
def test_why_a_run_broke_off_is_printed_before_what_it_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
def test_the_first_signal_to_stop_is_announced_and_those_that_follow_are_ignored() -> None:
    announced: list[int] = []
    raise_on_first_signal(announced.append)

    with pytest.raises(StopSignalError):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)

    assert announced == [signal.SIGTERM]
