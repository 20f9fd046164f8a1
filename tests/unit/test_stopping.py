"""How long an emulator may take to save, and how it is told that it did not."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import pytest

from tests.clock import FakeClock
from tools.kit.stopping import Stopped, raise_once
from tools.local import __main__ as command
from tools.local import emulator, saved
from tools.local.errors import LocalError, UnsavedError

Start = Callable[[str], subprocess.Popen[bytes]]

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


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(act: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(act=act)], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        process.stdout.readline()
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def stop(process: subprocess.Popen[bytes], folder: Path) -> list[str]:
    """Stop a process as if it were an emulator; return what is printed."""
    said: list[str] = []
    log = folder / "emulator.log"
    log.touch()
    aws = emulator.Emulator(process, 1, folder, log, "key", Pipe(duplex=False)[0])
    aws.stop(said.append, stalled_seconds=1, seconds_between_lines=0.5)
    return said


def test_a_save_is_waited_for_as_long_as_it_works_and_that_is_said(start: Start, tmp_path: Path) -> None:
    process = start(WORKS)

    said = stop(process, tmp_path)

    assert process.wait() == 0
    assert len(said) >= 3
    assert said[0].startswith("saving queues, functions and the rest, for ")


def test_a_save_that_stands_still_is_given_up(start: Start, tmp_path: Path) -> None:
    process = start(HANGS)

    with pytest.raises(UnsavedError):
        stop(process, tmp_path)

    assert process.wait() != 0


def test_one_that_is_gone_already_is_not_waited_for(start: Start, tmp_path: Path) -> None:
    process = start("pass")
    process.kill()
    process.wait()

    assert stop(process, tmp_path) == []


def queues(**ids: list[str]) -> Any:
    found = [{"name": name, "messages": [{"id": each} for each in each_ids]} for name, each_ids in ids.items()]
    return {
        "queues": {"__account_region_scoped__": True, "data": {str(index): each for index, each in enumerate(found)}}
    }


def test_what_is_not_saved_is_counted(tmp_path: Path) -> None:
    held = {"punches": {"a", "b", "c"}, "letters": {"d"}, "empty": set[str]()}
    saved.folder(tmp_path).mkdir()
    assert saved.count_unsaved(tmp_path, held) == {"empty": 0, "letters": 1, "punches": 3}

    file = saved.folder(tmp_path) / "sqs.json"
    file.write_text(json.dumps({"payload": queues(punches=["a"], letters=["d", "stored meanwhile"])}))

    assert saved.count_unsaved(tmp_path, held) == {"empty": 0, "letters": 0, "punches": 2}


@pytest.mark.parametrize("content", [b'{"payload": {"queues"', b"\xff", b"null", b"[]", b'{"payload": {}}'])
def test_a_file_of_the_queues_that_cannot_be_read_has_no_messages(content: bytes, tmp_path: Path) -> None:
    saved.folder(tmp_path).mkdir()
    (saved.folder(tmp_path) / "sqs.json").write_bytes(content)

    assert saved.count_unsaved(tmp_path, {"punches": {"a", "b"}}) == {"punches": 2}


def test_a_report_says_how_many_messages_there_are_and_how_many_are_not_saved() -> None:
    unsaved, queued = {"a": 135, "b": 0, "c": 0}, {"a": 1215, "b": 2, "c": 0}
    report = saved.Report(["iam"], "File too large", {"s3": "ValueError: odd"}, unsaved, queued)

    assert saved.Report.from_json(report.to_json()) == report
    assert not report.is_complete
    assert report.describe({"a": "queued punches"}) == (
        "135 of 1,215 queued punches; 0 of 2 messages of b; the state of iam (File too large); "
        "the state of s3, which cannot be saved (ValueError: odd)"
    )
    assert saved.Report(services=list("abcd")).describe({}) == "the state of 4 services"


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


def test_after_ctrl_c_a_failed_save_is_waited_for_until_a_second_one(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    wait = command.SaveWait(clock)
    wait.stop(signal.SIGINT)

    assert wait.keep_trying("3 of 4 queued punches.")
    clock.sleep(86_400)
    assert wait.keep_trying("2 of 4 queued punches.")
    os.kill(os.getpid(), signal.SIGINT)
    assert not wait.keep_trying("2 of 4 queued punches.")

    advice = "Correct that, for example free some space: it tries again each second. Ctrl-C ends it and loses the rest."
    assert capsys.readouterr().out.splitlines() == [f"  {count} of 4 queued punches. {advice}" for count in (3, 2)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_where_nobody_may_be_there_to_press_ctrl_c_a_failed_save_is_waited_for_a_minute(
    number: signal.Signals, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    wait = command.SaveWait(clock)
    wait.stop(number)
    clock.sleep(100)  # the first attempt took long

    assert wait.keep_trying("missing.")
    clock.sleep(59)
    assert wait.keep_trying("missing.")
    clock.sleep(1)
    assert not wait.keep_trying("missing.")

    assert " It ends in 60 s. " in capsys.readouterr().out


def test_sigterm_while_it_waits_for_space_ends_it_a_minute_later(clock: FakeClock) -> None:
    wait = command.SaveWait(clock)
    wait.stop(signal.SIGINT)
    assert wait.keep_trying("missing.")

    os.kill(os.getpid(), signal.SIGTERM)

    assert wait.keep_trying("missing.")
    clock.sleep(60)
    assert not wait.keep_trying("missing.")


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
    raise_once(announced.append)

    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)

    assert announced == [signal.SIGTERM]
