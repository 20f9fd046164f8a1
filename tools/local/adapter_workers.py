"""Adapter of the emulator's workers, the processes in which functions run, and of events that wait for them."""

import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from tools.local.replacements import patch

_MAX_WAIT_SECONDS = 6 * 3600  # limit for an event that waits until its function may run
_POLL_SECONDS = 0.1

_logger = logging.getLogger("local")

# Workers. If a function is updated, or one of its workers does not start, the emulator kills all its workers in the
# middle of their invocations, and their messages wait for the visibility timeout. On AWS, an environment with the old
# code completes its invocation. Here each worker ends separately, after its invocation and with its complete log.

_ISOLATED = "the emulator does not kill workers during an invocation, or because of another worker"
# The emulator reads a worker's output for only 50 ms. On a busy machine, later output is lost, or appears in the log of
# the next invocation.
_COMPLETE_LOG = "the emulator reads all output of an invocation, and reaps workers that have ended"

_kill: Callable[[Sequence[Any]], None] = runtime.kill_workers


@patch(runtime.Worker, "invoke", until=_ISOLATED)
def _invoke_isolated(
    original: Callable[..., dict[str, Any]], worker: Any, *values: Any, **keywords: Any
) -> dict[str, Any]:
    try:
        return original(worker, *values, **keywords)
    except Exception as error:
        _logger.exception("a worker of %s failed", worker.func_name)
        _kill([worker])  # the next invocation starts another
        return {"status": "error", "error": f"{type(error).__name__}: {error}", "log": worker._drain_stderr()}


@patch(runtime, "kill_workers", until=_ISOLATED)
def _kill_idle(original: Callable[[Sequence[Any]], None], workers: Sequence[Any]) -> None:
    with runtime._lock:  # the lock under which workers are leased
        for worker in workers:
            worker.is_retired = worker.in_use
    original([worker for worker in workers if not worker.is_retired])


@patch(lambda_svc, "release_worker", until=_ISOLATED)
def _release_and_kill(original: Callable[[Any], None], worker: Any) -> None:
    original(worker)
    if getattr(worker, "is_retired", False):
        _kill([worker])


class WorkerProcess(subprocess.Popen[str]):
    """A worker's process with its standard error in a file, which is complete once it has answered or ended."""

    def __init__(self, *values: Any, **keywords: Any) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed with this object
        self._read_bytes = 0  # bytes
        super().__init__(*values, **{**keywords, "stderr": self._output})

    def read_new_output(self) -> str:
        """Return the output since the last call."""
        new = os.pread(
            self._output.fileno(), os.fstat(self._output.fileno()).st_size - self._read_bytes, self._read_bytes
        )
        self._read_bytes += len(new)
        return new.decode(errors="replace").rstrip("\n")


patch(runtime, "subprocess", until=_COMPLETE_LOG)(SimpleNamespace(Popen=WorkerProcess, PIPE=subprocess.PIPE))


def _wait_for(worker: Any) -> Callable[[], int]:  # called once per process, before it can end
    worker.process = worker._proc
    wait: Callable[[], int] = worker.process.wait
    return wait


patch(runtime.Worker, "_read_stderr", until=_COMPLETE_LOG)(property(_wait_for))


@patch(runtime.Worker, "_drain_stderr", until=_COMPLETE_LOG)
@patch(runtime.Worker, "_drain_stderr_bounded", until=_COMPLETE_LOG)
def _read_complete_log(_: object, worker: Any) -> str:
    process: WorkerProcess | None = getattr(worker, "process", None)  # None: it has not started
    return process.read_new_output() if process else ""


# Events, which wait until their function may run. The emulator makes three attempts within three seconds, and then a
# dead letter. On AWS, an event waits for up to six hours, and only failed invocations count as attempts.

_WAITING = "events wait in the emulator until their function may run"


_is_event: ContextVar[bool] = ContextVar("_is_event", default=False)


@patch(lambda_svc, "_acquire_execution_slot", until=_WAITING)
def _wait_for_slot(
    original: Callable[..., tuple[str | None, str | None]], *values: Any
) -> tuple[str | None, str | None]:
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    while not (slot := original(*values))[0] and _is_event.get() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return slot


@patch(lambda_svc, "invoke_async_with_retry", until=_WAITING)
def _invoke_event(original: Callable[..., None], *values: Any) -> None:
    context = copy_context()
    context.run(_is_event.set, True)
    context.run(original, *values)  # starts a thread with a copy of the context
