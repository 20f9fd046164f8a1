"""The adapter of the emulator's workers, the processes in which functions run, and of the events that wait for them."""

import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from tools.local.replacements import replaces

_MAX_WAIT_SECONDS = 6 * 3600  # of an event until the function may run
_POLL_SECONDS = 0.1  # between two looks whether it may

_logger = logging.getLogger("local")

# Workers: each ends alone, when it is done, with its whole log.
#
# Where a function changes, the emulator kills its workers in the middle of what they do; where one of them does not
# start, it kills the others too, and those that were starting do the same in turn. What they had received waits for its
# visibility timeout. On AWS, an environment of the former code ends what it had begun.

_ISOLATED = "the emulator kills no worker in the middle of an invocation, nor because of another"
# It reads what one printed for 50 ms: on a busy machine the rest is in the next one's log, or lost.
_WHOLE_LOG = "the emulator waits for all that an invocation printed, and reaps a worker that has ended"

_kill: Callable[[Sequence[Any]], None] = runtime.kill_workers


@replaces(runtime.Worker, "invoke", until=_ISOLATED)
def _invoke_isolated(
    original: Callable[..., dict[str, Any]], worker: Any, *values: Any, **named: Any
) -> dict[str, Any]:
    try:
        return original(worker, *values, **named)
    except Exception as error:
        _logger.exception("a worker of %s failed", worker.func_name)
        _kill([worker])  # what there is of its process; the next invocation starts another
        return {"status": "error", "error": f"{type(error).__name__}: {error}", "log": worker._drain_stderr()}


@replaces(runtime, "kill_workers", until=_ISOLATED)
def _kill_idle(original: Callable[[Sequence[Any]], None], found: Sequence[Any]) -> None:
    with runtime._lock:  # under which they are leased
        for worker in found:
            worker.is_former = worker.in_use
    original([worker for worker in found if not worker.is_former])


@replaces(lambda_svc, "release_worker", until=_ISOLATED)
def _release_and_kill(original: Callable[[Any], None], worker: Any) -> None:
    original(worker)
    if getattr(worker, "is_former", False):
        _kill([worker])


class WorkerProcess(subprocess.Popen[str]):
    """A worker's process, which prints into a file: when it has answered or ended, all of that is there."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  closed with this
        self._read = 0  # bytes
        super().__init__(*values, **{**named, "stderr": self._printed})

    def printed(self) -> str:
        """Return what it has printed since the last call."""
        new = os.pread(self._printed.fileno(), os.fstat(self._printed.fileno()).st_size - self._read, self._read)
        self._read += len(new)
        return new.decode(errors="replace").rstrip("\n")


replaces(runtime, "subprocess", until=_WHOLE_LOG)(SimpleNamespace(Popen=WorkerProcess, PIPE=subprocess.PIPE))


def _wait_for(worker: Any) -> Callable[[], int]:  # asked for once per process, before it can end
    worker.process = worker._proc
    wait: Callable[[], int] = worker.process.wait
    return wait


replaces(runtime.Worker, "_read_stderr", until=_WHOLE_LOG)(property(_wait_for))


@replaces(runtime.Worker, "_drain_stderr", until=_WHOLE_LOG)
@replaces(runtime.Worker, "_drain_stderr_bounded", until=_WHOLE_LOG)
def _take_whole_log(_: object, worker: Any) -> str:
    process: WorkerProcess | None = getattr(worker, "process", None)  # None: it has not started
    return process.printed() if process else ""


# Events, which wait until the function may run. The emulator tries one three times within three seconds, and then it
# is a dead letter; on AWS it waits for six hours, and only what ran and failed counts as tried. A stop ends what waits.

_WAITS = "an event waits in the emulator until its function may run"


class _Event:
    """An invocation for whose answer nobody waits. The thread that serves it has the only reference to it."""


_event: ContextVar[_Event | None] = ContextVar("_event", default=None)
_events: "WeakSet[_Event]" = WeakSet()


@replaces(lambda_svc, "_acquire_execution_slot", until=_WAITS)
def _wait_for_slot(
    original: Callable[..., tuple[str | None, str | None]], *values: Any
) -> tuple[str | None, str | None]:
    end = time.monotonic() + _MAX_WAIT_SECONDS
    while not (slot := original(*values))[0] and _event.get() and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    return slot


@replaces(lambda_svc, "invoke_async_with_retry", until=_WAITS)
def _invoke_event(original: Callable[..., None], *values: Any) -> None:
    event = _Event()
    _events.add(event)
    context = copy_context()
    context.run(_event.set, event)
    context.run(original, *values)  # in a thread, with a copy of it


def unfinished_events() -> int:
    """Count the events that wait, run, or will be tried again."""
    return len(_events)
