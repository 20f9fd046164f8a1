"""How long an emulator may take to save, and how it is told that it did not."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tools.local import emulator, saved

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


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "_STALLED", 1)
    monkeypatch.setattr(emulator, "_BETWEEN_LINES", 0.5)


def end(process: subprocess.Popen[bytes]) -> list[str]:
    said: list[str] = []
    emulator._end(psutil.Process(process.pid), said.append)
    return said


def test_a_save_is_waited_for_as_long_as_it_works_and_that_is_said(start: Start) -> None:
    process = start(WORKS)

    said = end(process)

    assert process.wait() == 0
    assert len(said) >= 3
    assert said[0].startswith("saving queues, functions and the rest, for ")


def test_a_save_that_stands_still_is_given_up(start: Start) -> None:
    process = start(HANGS)

    end(process)

    assert process.wait() != 0


def test_one_that_is_gone_already_is_not_waited_for(start: Start) -> None:
    process = start("pass")
    process.kill()  # and is a zombie, until somebody asks how it ended

    assert end(process) == []


def queues(**ids: list[str]) -> Any:
    found = [{"name": name, "messages": [{"id": each} for each in each_ids]} for name, each_ids in ids.items()]
    return {
        "queues": {"__account_region_scoped__": True, "data": {str(index): each for index, each in enumerate(found)}}
    }


def test_what_is_not_saved_is_named(tmp_path: Path) -> None:
    began = time.time()
    held = {"punches": {"a", "b", "c"}, "letters": {"d"}, "empty": set[str]()}
    saved.folder(tmp_path).mkdir()

    assert saved.compare(tmp_path, began, "sqs", held) == [
        "the state of sqs",
        "1 of 1 messages of letters",
        "3 of 3 messages of punches",
    ]

    file = saved.folder(tmp_path) / "sqs.json"
    file.write_text(json.dumps({"payload": queues(punches=["a"], letters=["d", "stored meanwhile"])}))
    assert saved.compare(tmp_path, began, "sqs", held) == ["2 of 3 messages of punches"]

    os.utime(file, (began - 10, began - 10))
    assert saved.compare(tmp_path, began, "sqs", {}) == ["the state of sqs"]
