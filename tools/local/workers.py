"""The emulator's workers, the processes in which functions run: what they print, and the events that wait for one.

The emulator reads what an invocation printed for 50 ms: on a busy machine the rest appears in the next invocation's
log, or is lost. And a worker that was killed stays a zombie until somebody wants to use it.
"""

import array
import fcntl
import os
import select
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any
from weakref import WeakSet

_PATIENCE = 10  # s in which this process gets to read what is in a pipe

_WAITING = 6 * 3600  # s that an event waits until the function may run
_LOOK = 5.0  # s between two looks, for more may run without that any has ended: somebody raised the limit

Slot = tuple[str | None, str | None]
"""The emulator's leave to run an invocation; without its first part there is none."""


class _Event:
    """An invocation for whose answer nobody waits. The thread that serves it has the only reference to it."""


_event: ContextVar[_Event | None] = ContextVar("_event", default=None)
_events: "WeakSet[_Event]" = WeakSet()
_ended = threading.Condition()  # an invocation, so that another may run


def run_event(invoke: Callable[..., None], *values: Any) -> None:
    """Invoke with an event: by a function that goes on in threads, each with a copy of its context."""

    def begin() -> None:
        event = _Event()
        _events.add(event)
        _event.set(event)

    context = copy_context()
    context.run(begin)
    context.run(invoke, *values)


def wait_for(acquire: Callable[[], Slot]) -> Slot:
    """Acquire a slot: an event waits for it, and every other invocation is answered as it is."""
    end = time.monotonic() + _WAITING
    with _ended:
        while not (slot := acquire())[0] and _event.get() and time.monotonic() < end:
            _ended.wait(_LOOK)
    return slot


def notify() -> None:
    """Let those that wait look whether a slot is free."""
    with _ended:
        _ended.notify_all()


def unfinished_events() -> int:
    """Count the events that wait, run, or will be tried again."""
    return len(_events)


class Printed:
    """What a worker's process writes to its pipe: read by one thread, and waited for by another."""

    def __init__(self, process: "subprocess.Popen[str]", put: Callable[[str], None]) -> None:
        """Takes the process, and what is called with each line."""
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
