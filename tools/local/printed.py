"""What a worker, the process in which the emulator runs a function, has printed: all of it.

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
from typing import Any

_PATIENCE = 10  # s in which this process gets to read what is in a pipe


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
