"""The emulator's workers, the processes in which functions run: each ends alone, when it is done, with its whole log.

Where a function changes, the emulator kills its workers in the middle of what they do; where one of them does not
start, it kills the others too, and those that were starting do the same in turn. What they had received waits for its
visibility timeout. On AWS, an environment of the former code ends what it had begun.

And it reads what an invocation printed for 50 ms: on a busy machine the rest appears in the next invocation's log, or
is lost. And a worker that was killed stays a zombie until somebody wants to use it.

And an event that comes while as many run as may is tried three times within three seconds, and is a dead letter then.
On AWS it waits for six hours, and only what ran and failed counts as tried. A stop ends what waits here.
"""

import array
import fcntl
import logging
import os
import select
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from typing import Any
from weakref import WeakSet

from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

_PATIENCE = 10  # s in which this process gets to read what is in a pipe

_WAITING = 6 * 3600  # s that an event waits until the function may run
_LOOK = 5.0  # s between two looks, for more may run without that any has ended: somebody raised the limit


class _Event:
    """An invocation for whose answer nobody waits. The thread that serves it has the only reference to it."""


_event: ContextVar[_Event | None] = ContextVar("_event", default=None)
_events: "WeakSet[_Event]" = WeakSet()
_ended = threading.Condition()  # an invocation, so that another may run
_logger = logging.getLogger("local")


def replace() -> None:
    """Patch the emulator of this process: see the module's docstring."""
    invoke: Callable[..., dict[str, Any]] = runtime.Worker.invoke
    take_log: Callable[[Any], str] = runtime.Worker._drain_stderr
    kill: Callable[[Sequence[Any]], None] = runtime.kill_workers
    release: Callable[[Any], None] = runtime.release_worker
    acquire: Callable[..., tuple[str | None, str | None]] = lambda_svc._acquire_execution_slot
    free: Callable[[str], None] = lambda_svc._release_execution_slot
    dispatch: Callable[..., dict[str, Any]] = lambda_svc._execute_function_dispatch
    invoke_event: Callable[..., None] = lambda_svc.invoke_async_with_retry

    def invoke_alone(worker: Any, *values: Any, **named: Any) -> dict[str, Any]:
        try:
            return invoke(worker, *values, **named)
        except Exception as error:
            _logger.exception("a worker of %s failed", worker.func_name)
            kill([worker])  # what there is of its process; the next invocation starts another
            return {"status": "error", "error": f"{type(error).__name__}: {error}", "log": take_whole_log(worker)}

    def kill_idle(workers: Sequence[Any]) -> None:
        with runtime._lock:  # under which they are leased
            for worker in workers:
                worker.is_former = worker.in_use
        kill([worker for worker in workers if not worker.is_former])

    def release_and_kill(worker: Any) -> None:
        release(worker)
        if getattr(worker, "is_former", False):
            kill([worker])

    def reader(worker: Any) -> Callable[[], None]:  # asked for once per process, before anything reads its stderr
        worker.printed = _Printed(worker._proc, worker._stderr_queue.put)
        read: Callable[[], None] = worker.printed.read
        return read

    def take_whole_log(worker: Any, **_: float) -> str:
        printed: _Printed | None = getattr(worker, "printed", None)  # None: its process has not started
        if printed and not printed.is_read():
            _logger.error("the log of %s is not whole: it took longer than %s s to read", worker.func_name, _PATIENCE)
        return take_log(worker)

    def acquire_when_free(*values: Any) -> tuple[str | None, str | None]:
        end = time.monotonic() + _WAITING
        with _ended:
            while not (slot := acquire(*values))[0] and _event.get() and time.monotonic() < end:
                _ended.wait(_LOOK)
        return slot

    def free_and_notify(slot: str) -> None:
        free(slot)
        with _ended:
            _ended.notify_all()

    def dispatch_now(*values: Any) -> dict[str, Any]:
        *values_but_start, _ = values
        return dispatch(*values_but_start, time.time())  # what it waited is none of its duration

    def invoke_waiting_event(*values: Any) -> None:
        context = copy_context()
        context.run(_begin_event)
        context.run(invoke_event, *values)  # in a thread, with a copy of it

    runtime.Worker.invoke = invoke_alone
    runtime.Worker._read_stderr = property(reader)
    runtime.Worker._drain_stderr = runtime.Worker._drain_stderr_bounded = take_whole_log
    runtime.kill_workers = kill_idle
    lambda_svc.release_worker = release_and_kill
    lambda_svc._acquire_execution_slot = acquire_when_free
    lambda_svc._release_execution_slot = free_and_notify
    lambda_svc._execute_function_dispatch = dispatch_now
    lambda_svc.invoke_async_with_retry = invoke_waiting_event


def unfinished_events() -> int:
    """Count the events that wait, run, or will be tried again."""
    return len(_events)


def _begin_event() -> None:
    event = _Event()
    _events.add(event)
    _event.set(event)


class _Printed:
    """What a worker's process writes to its pipe: read by one thread, and waited for by another."""

    def __init__(self, process: "subprocess.Popen[str]", put: Callable[[str], None]) -> None:
        self._process = process
        self._pipe: Any = process.stderr  # kept, so that it is open
        self._put = put
        self._reading = threading.Lock()  # from before it leaves the pipe until it is put

    def read(self) -> None:
        """Put each line, until the process ends, and reap it."""
        ready = select.poll()
        ready.register(self._pipe, select.POLLIN)
        rest = b""
        while True:
            ready.poll()
            with self._reading:
                chunk = os.read(self._pipe.fileno(), 1 << 16)
                *lines, rest = (rest + chunk).split(b"\n")
                if not chunk and rest:
                    lines.append(rest)
                for line in lines:
                    self._put(line.decode(errors="replace"))
            if not chunk:
                self._process.wait()
                return

    def is_read(self) -> bool:
        """Wait until all that was written has been put; return whether it was, in time."""
        end = time.monotonic() + _PATIENCE
        while self._in_pipe():
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        with self._reading:
            return True

    def _in_pipe(self) -> int:
        found = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, found)
        return found[0]
