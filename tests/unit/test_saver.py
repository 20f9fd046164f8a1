"""The save of a stopping emulator, which is retried after failures."""

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.clock import FakeClock
from tools.local import adapter, saved_state, serve

QUEUES = {"queues": {"data": {"1": {"name": "punches", "messages": [{"id": "a"}, {"id": "b"}]}}}}


@pytest.fixture(autouse=True)
def _running(tmp_path: Path) -> None:
    saved_state.mark_running(tmp_path)


class Emulator:
    """A fake emulator with some services, on a disk that is full at the first saves."""

    def __init__(self, services: Mapping[str, Callable[[], Any]], failures: int) -> None:
        self._services = services
        self._failures = failures

    def are_queues_locked(self) -> bool:
        return False

    def services(self) -> dict[str, Callable[[], Any]]:
        return {"sqs": lambda: QUEUES, **self._services}

    def unfinished_events(self) -> int:
        return 0

    def save(self, folder: Path, name: str, state: Any) -> None:
        if self._failures:
            self._failures -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        adapter.save(folder, name, state)


def save(state: Path, *, failures: int = 0, **services: Callable[[], Any]) -> list[saved_state.SaveReport]:
    """Save the queues and other services; return the reports of the failed attempts.

    Args:
        state: Folder of the local stack.
        failures: Number of saves that fail because the disk is full.
        services: Further services, as functions that return their state.
    """
    with saved_state.open_reports(state) as pipe:
        assert pipe
        with pytest.raises(SystemExit):
            serve.Saver(state, sys.exit, Emulator(services, failures), FakeClock()).save_and_end()
        return [saved_state.SaveReport(**json.loads(line)) for line in os.read(pipe, 65_536).splitlines()]


def test_save_is_retried_on_a_full_disk_with_a_report(tmp_path: Path) -> None:
    first, *_ = save(tmp_path, failures=3, iam=dict)

    assert first.describe({}) == "2 of 2 messages of punches; the state of sqs, iam (No space left on device)"
    assert saved_state.unsaved_since(tmp_path) is None


def test_unreadable_queues_do_not_stop_the_save_of_other_services(tmp_path: Path) -> None:
    unreadable: dict[str, Any] = {"queues": {"data": {"1": {}}}}
    read_queues = Mock(side_effect=[unreadable, QUEUES])

    first, *_ = save(tmp_path, sqs=read_queues, iam=lambda: {"kept": 1})

    assert (first.services, first.reason) == (["sqs"], "KeyError: 'name'")
    assert saved_state.unsaved_since(tmp_path) is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_unreadable_service_is_retried_and_the_others_are_saved(tmp_path: Path, error: Exception, reason: str) -> None:
    read_state = Mock(side_effect=[error, {"code": 1}])

    first, *_ = save(tmp_path, functions=read_state, s3=lambda: {"kept": 1})

    assert first.describe({}) == f"0 of 2 messages of punches; the state of functions ({reason})"
    assert saved_state.unsaved_since(tmp_path) is None
    for name, state in (("functions", {"code": 1}), ("s3", {"kept": 1})):
        assert json.loads((saved_state.folder(tmp_path) / f"{name}.json").read_text())["payload"] == state


@pytest.mark.parametrize(
    ("error", "tracebacks"),
    [
        (ValueError("odd"), 1),
        (OSError(errno.EACCES, "Permission denied"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 0),
    ],
)
def test_traceback_of_an_unforeseen_error_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, tracebacks: int
) -> None:
    read_state = Mock(side_effect=[error, error, {"code": 1}])

    save(tmp_path, functions=read_state)

    logged = [record.getMessage() for record in caplog.records if record.exc_info and record.exc_info[1] is error]
    assert logged == ["the state of functions was not saved"] * tracebacks


def test_later_run_reads_the_reports_if_there_is_a_pipe(tmp_path: Path) -> None:
    report = saved_state.SaveReport(["iam"], "File too large")
    (tmp_path / "reports").unlink()
    with saved_state.open_reports(tmp_path) as reports:
        saved_state.send_report(tmp_path, report)
        assert saved_state.read_report(reports) is None

    saved_state.mark_running(tmp_path)
    saved_state.send_report(tmp_path, report)  # no process reads it
    with saved_state.open_reports(tmp_path) as reports:
        assert saved_state.read_report(reports) is None
        saved_state.send_report(tmp_path, saved_state.SaveReport())
        saved_state.send_report(tmp_path, report)
        assert saved_state.read_report(reports) == report
