"""The emulator's worker processes: none is stopped because of another, or during an invocation."""

import contextlib
import io
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from tests.waiting import wait_for
from tools.local import adapter_workers, replacements

CODE = """
import os, time
from pathlib import Path

print("starting")
if Path({folder!r}, "broken").exists():
    raise ImportError("broken")

def main(event, context):
    print("the first line\\nthe last line of", event)
    Path({folder!r}, event + " runs").touch()
    if event == "dies":
        os._exit(1)
    while not Path({folder!r}, event).exists():
        time.sleep(0.01)
    return os.getpid()
"""


class Function:
    """A function of the emulator; an invocation ends once the file with its name exists."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor, timeout: int = 300) -> None:
        self._folder = folder
        self._pool = pool
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("code.py", CODE.format(folder=str(folder)))
        config = {
            "FunctionName": "function",
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:function",
            "Runtime": "python3.11",
            "Handler": "code.main",
            "Timeout": timeout,  # s
        }
        self._function = {"config": config, "code_zip": code.getvalue(), "concurrency": 1}

    def invoke(self, name: str) -> Future[dict[str, Any]]:
        return self._pool.submit(lambda_svc._execute_function_warm, self._function, name, name)

    def send(self, name: str) -> None:
        """Invoke the function asynchronously."""
        lambda_svc.invoke_async_with_retry(self._function, name)

    def begin(self, name: str) -> Future[dict[str, Any]]:
        """Invoke the function, and return once the invocation runs."""
        invocation = self.invoke(name)
        wait_for(lambda: invocation.done() or (self._folder / f"{name} runs").exists(), "the function to run")
        return invocation

    def end(self, name: str) -> None:
        (self._folder / name).touch()

    def break_starts(self) -> None:
        """Prevent workers from starting, until `mend_starts`."""
        (self._folder / "broken").touch()

    def mend_starts(self) -> None:
        (self._folder / "broken").unlink()


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    replacements.install_patches(monkeypatch.setattr)
    started: list[adapter_workers.WorkerProcess] = []

    def start(*words: Any, **options: Any) -> adapter_workers.WorkerProcess:
        started.append(adapter_workers.WorkerProcess(*words, **options))
        return started[-1]

    monkeypatch.setattr(runtime, "subprocess", SimpleNamespace(Popen=start, PIPE=subprocess.PIPE))
    with ThreadPoolExecutor() as pool:
        yield Function(tmp_path, pool)
    runtime.reset()
    for thread in threading.enumerate():
        if thread.name == "stderr-function":
            thread.join()
    for process in started:  # the emulator does not close their files
        for file in (process.stdin, process.stdout, process._output):
            with contextlib.suppress(BrokenPipeError):
                if file:
                    file.close()


def test_failed_start_of_a_worker_does_not_affect_the_others(function: Function) -> None:
    first = function.begin("first")
    function.break_starts()
    failed = function.invoke("second").result()
    function.mend_starts()
    function.end("first")

    assert failed["error"]
    assert "broken" in failed["body"]["errorMessage"]
    assert "starting" in failed["log"].splitlines()
    assert "error" not in first.result()
    process = first.result()["body"]
    for name in ("third", "fourth"):
        function.end(name)
    assert function.invoke("third").result()["body"] == process  # it is still in the pool
    running_invocation = function.begin("fifth")
    other = function.invoke("fourth").result()["body"]  # a new worker starts now
    function.end("fifth")
    assert running_invocation.result()["body"] == process != other


def test_running_invocation_ends_before_its_worker_when_the_function_changes(function: Function) -> None:
    former = function.begin("former")
    lambda_svc.invalidate_worker("function")  # as each change of the function does
    function.end("next")
    process = function.invoke("next").result()["body"]
    function.end("former")

    assert former.result()["body"] != process
    assert not psutil.pid_exists(former.result()["body"])
    lambda_svc.invalidate_worker("function")
    assert not psutil.pid_exists(process)  # it was idle


def test_events_run_one_after_the_other_and_are_counted(
    function: Function, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_svc, "_LAMBDA_ASYNC_RETRY_BASE_SECONDS", 0)  # the emulator's own retries end at once

    def has_unfinished(events: int) -> bool:
        return adapter_workers.unfinished_events() == events

    def has_begun(invocations: int) -> bool:
        return len([*tmp_path.glob("* runs")]) == invocations

    for name in ("first", "second", "third"):
        function.send(name)

    for remaining in (3, 2, 1, 0):
        begun = min(4 - remaining, 3)
        wait_for(partial(has_unfinished, remaining), f"{remaining} unfinished events")
        wait_for(partial(has_begun, begun), f"{begun} invocations")
        for running in tmp_path.glob("* runs"):
            function.end(running.name.removesuffix(" runs"))
