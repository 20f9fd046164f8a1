"""The emulator's workers: none ends because of another, or in the middle of an invocation."""

import gc
import io
import queue
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from tests.waiting import wait_for
from tools.local import workers

# The emulator leaves the pipes of the processes that it ends to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CODE = """
import os, time
from pathlib import Path

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
    """A function of the emulator, each of whose invocations ends when the file of its name is there."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
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
            "Timeout": 300,
        }
        self._function = {"config": config, "code_zip": code.getvalue()}

    def invoke(self, name: str) -> Future[dict[str, Any]]:
        return self._pool.submit(lambda_svc._execute_function_warm, self._function, name, name)

    def begin(self, name: str) -> Future[dict[str, Any]]:
        """Invoke, and return in the middle of it."""
        invocation = self.invoke(name)
        wait_for(lambda: invocation.done() or (self._folder / f"{name} runs").exists(), "the function to run")
        return invocation

    def end(self, name: str) -> None:
        (self._folder / name).touch()

    def is_broken(self, *, broken: bool) -> None:
        """Let no worker start from now on, or again."""
        (self._folder / "broken").touch() if broken else (self._folder / "broken").unlink()


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    monkeypatch.setattr(runtime.Worker, "invoke", runtime.Worker.invoke)
    monkeypatch.setattr(runtime, "kill_workers", runtime.kill_workers)
    monkeypatch.setattr(lambda_svc, "release_worker", lambda_svc.release_worker)
    monkeypatch.setattr(runtime.Worker, "_read_stderr", runtime.Worker._read_stderr)
    monkeypatch.setattr(runtime.Worker, "_drain_stderr_bounded", runtime.Worker._drain_stderr_bounded)
    workers.replace()
    with ThreadPoolExecutor() as pool:
        yield Function(tmp_path, pool)
    runtime.reset()
    gc.collect()


def test_a_worker_that_does_not_start_leaves_the_others_alone(function: Function) -> None:
    first = function.begin("first")
    function.is_broken(broken=True)
    failed = function.invoke("second").result()
    function.is_broken(broken=False)
    function.end("first")

    assert failed["error"]
    assert "broken" in failed["body"]["errorMessage"]
    assert "error" not in first.result()
    process = first.result()["body"]
    for name in ("third", "fourth"):
        function.end(name)
    assert function.invoke("third").result()["body"] == process  # it is in the pool still
    begun = function.begin("fifth")
    other = function.invoke("fourth").result()["body"]  # the one that had failed starts
    function.end("fifth")
    assert begun.result()["body"] == process != other


def test_what_runs_when_the_function_changes_ends_and_its_worker_after_it(function: Function) -> None:
    former = function.begin("former")
    lambda_svc.invalidate_worker("function")  # as each change of it does
    function.end("next")
    process = function.invoke("next").result()["body"]
    function.end("former")

    assert former.result()["body"] != process
    assert not psutil.pid_exists(former.result()["body"])


def test_an_idle_worker_ends_with_the_function_s_change(function: Function) -> None:
    function.end("only")
    process = function.invoke("only").result()["body"]

    lambda_svc.invalidate_worker("function")

    assert not psutil.pid_exists(process)


def test_all_that_an_invocation_printed_is_its_log_however_slowly_it_is_read(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(queue.SimpleQueue[str]):
        def put(self, item: str, *_: object) -> None:
            time.sleep(0.3)
            super().put(item)

    monkeypatch.setattr(runtime.queue, "Queue", Slow)
    for name in ("first", "second"):
        function.end(name)

        printed = function.invoke(name).result()["log"].splitlines()

        assert printed == ["the first line", f"the last line of {name}"]


def test_the_log_of_a_worker_that_died_is_told(function: Function) -> None:
    failed = function.invoke("dies").result()

    assert failed["error"]
    assert "the last line of dies" in failed["log"].splitlines()
