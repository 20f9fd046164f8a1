"""The process that is this machine's AWS: the emulator behind the guard, on one port of the loopback address.

    python -m tools.local.serve PORT REPORTS STATE

`make run` starts it, with the emulator's settings and the run's access key id in the environment. REPORTS is the number
of a pipe's end, into which it writes what it has saved: a log could not be written on a full disk.
"""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tools.kit import slices
from tools.local import adapter, home, saved
from tools.local.flow import Flow, key
from tools.local.guard import Guard, Public

HOST = "127.0.0.1"
_GRACE = 2.0  # s that requests may take to end
_REST = 6.0  # s in which all but the queues is saved
_RETRY_SECONDS = 1.0

_logger = logging.getLogger("local")


def main(port: int, reports: Connection, state: Path) -> int:
    """Serve until SIGTERM. Then it saves, and ends whatever still runs: a function that hangs, a stack that waits.

    It ends by itself, with the status 0, once everything is saved; until then it tries again each second.
    """
    adapter.replace()
    everybody = Public(adapter.call_api, adapter.is_signed, adapter.public_keys)
    run = os.environ["AWS_ACCESS_KEY_ID"]
    view = Flow(state.parent, key(run), adapter.messages, adapter.accepted)
    served = [slices.found(each["files"]) for each in slices.said_by_name("local").values()]
    page = home.files(state.parent, {name: each["greeting"] for name, each in slices.said_by_name("local").items()})
    guard = Guard(adapter.application, everybody, port, run, view, served, page)
    _raise_limit_of_files()
    threading.Thread(target=view.watch, daemon=True).start()
    asyncio.run(_serve(guard, port, state, _Saver(state, reports)))
    return 1  # hypercorn ended by itself


async def _serve(guard: Guard, port: int, state: Path, saver: "_Saver") -> None:
    """Serve. Once this thread saves, it answers nothing more: what was accepted came before."""
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        guard.close()
        signal.setitimer(signal.ITIMER_REAL, _GRACE)
        loop.call_soon_threadsafe(stopping.set)

    # Not the loop's own handlers: what keeps the loop busy would keep them waiting.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, lambda *_: saver.save_and_end())
    saved.mark_running(state)
    never = asyncio.Event().wait
    serving = asyncio.create_task(serve(guard, config, shutdown_trigger=never, mode="asgi"))  # type: ignore[arg-type]
    await asyncio.wait({serving, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    while stopping.is_set():
        if not guard.is_busy:
            saver.save_and_end()
        await asyncio.sleep(0.02)
    await serving


class _TimeoutError(BaseException):
    """The time for saving is over. No `Exception`: the emulator, which catches those, is where it is raised."""


class _Saver:
    """Saves what the emulator holds, again and again until all of it is saved, and ends this process."""

    def __init__(self, state: Path, reports: Connection) -> None:
        self._state = state
        self._reports = reports
        self._reported: saved.Report | None = None
        self._copies: dict[str, Any] = {}  # a service's state is asked for once: some forget it when they are asked
        self._saved: set[str] = set()

    def save_and_end(self) -> None:
        """Try until everything is saved. The process that started this one may kill it instead."""
        if adapter.are_queues_locked():
            signal.setitimer(signal.ITIMER_REAL, 0.02)  # again: this very thread may have locked them
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, _raise_timeout)
        while not (report := self._save()).is_complete:
            self._report(report)
            time.sleep(_RETRY_SECONDS)
        saved.mark_clean(self._state)
        self._report(report)
        _end()

    def _save(self) -> saved.Report:
        """Save the queues, which may take as long as it needs, then the rest, which may not."""
        states = adapter.services()
        report = self._save_queues(states.pop("sqs"))
        signal.setitimer(signal.ITIMER_REAL, _REST)
        with contextlib.suppress(_TimeoutError):
            for name, give in states.items():
                if name not in self._saved:
                    self._save_service(name, give)
            signal.setitimer(signal.ITIMER_REAL, 0)
        return report._replace(services=[*report.services, *(name for name in states if name not in self._saved)])

    def _save_queues(self, give: Callable[[], Any]) -> saved.Report:
        state = give()  # each time: the queues are drained meanwhile
        held = saved.messages(state)
        return saved.Report(
            services=[] if self._write("sqs", state) else ["sqs"],
            unsaved=saved.count_unsaved(self._state, held),
            queued={queue: len(ids) for queue, ids in sorted(held.items())},
            unfinished_files=adapter.unfinished_events(),  # only files are imported by events
        )

    def _save_service(self, name: str, give: Callable[[], Any]) -> None:
        if name not in self._copies:
            try:
                self._copies[name] = give()
            except Exception:
                _logger.exception("the state of %s cannot be read", name)  # the other services are saved
                return
        if self._copies[name] is None or self._write(name, self._copies[name]):
            self._saved.add(name)

    def _write(self, name: str, state: Any) -> bool:
        """Write the state of a service; return whether that succeeded."""
        before = saved.file_number(self._state, name)
        adapter.save(name, state)
        return saved.file_number(self._state, name) not in (None, before)

    def _report(self, report: saved.Report) -> None:
        if report != self._reported:
            self._reported = report
            if not report.is_complete:
                _logger.error("not saved: %s", report.describe({}))
            with contextlib.suppress(BrokenPipeError):  # the run was killed; this process goes on until it has saved
                self._reports.send_bytes(report.to_json())


def _raise_timeout(*_: object) -> None:
    raise _TimeoutError


def _end() -> None:
    """End this process and those that it started, whatever they are doing."""
    for process in psutil.Process().children(recursive=True):
        process.kill()
    with contextlib.suppress(OSError):  # the log's disk may be full
        logging.shutdown()
        sys.stdout.flush()
    os._exit(0)  # threads of the emulator's would be waited for


def _raise_limit_of_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Connection(int(sys.argv[2]), readable=False), Path(sys.argv[3])))
