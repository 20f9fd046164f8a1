"""The process that is this machine's AWS: the emulator behind the guard, on one port of the loopback address.

    python -m tools.local.serve PORT STATE

`make run` starts it, with the emulator's settings and the run's access key id in the environment.
"""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tools.kit import deploy_hook
from tools.kit.clock import CLOCK, Clock
from tools.local import adapter, home, replacements, saved
from tools.local.flow import Flow, key
from tools.local.guard import Guard, Public

HOST = "127.0.0.1"
_GRACE = 2.0  # s that requests may take to end
_REST = 6.0  # s in which all but the queues is saved
_RETRY_SECONDS = 1.0

_logger = logging.getLogger("local")


def main(port: int, state: Path) -> int:
    """Serve until SIGTERM. Then it saves, and ends whatever still runs: a function that hangs, a stack that waits.

    It ends by itself, with status 0, once everything is saved. While a file cannot be written it tries again each
    second. If the state of a service cannot be saved for another reason, it ends with status 1 once the rest is.
    """
    replacements.replace()
    everybody = Public(adapter.call_api, adapter.is_signed, adapter.public_keys)
    run = os.environ["AWS_ACCESS_KEY_ID"]
    view = Flow(state.parent, key(run), adapter.messages, adapter.accepted)
    files = deploy_hook.local_files()
    page = home.files(state.parent, {each.key: each.greeting for each in files})
    guard = Guard(adapter.application, everybody, port, run, view, [each.read for each in files], page)
    _raise_limit_of_files()
    threading.Thread(target=view.watch, daemon=True).start()
    asyncio.run(_serve(guard, port, state, Saver(state)))
    return 1  # hypercorn ended by itself


async def _serve(guard: Guard, port: int, state: Path, saver: "Saver") -> None:
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


class Emulator(Protocol):
    """The emulator as a saver uses it; see `adapter`."""

    def are_queues_locked(self) -> bool: ...

    def services(self) -> dict[str, Callable[[], Any]]: ...

    def unfinished_events(self) -> int: ...

    def save(self, folder: Path, name: str, state: Any, /) -> None: ...


class Saver:
    """Saves what the emulator holds, again and again until all of it is saved, and ends this process."""

    def __init__(
        self,
        state: Path,
        end: Callable[[int], None] = lambda status: _end(status),
        emulator: Emulator = adapter,
        clock: Clock = CLOCK,
    ) -> None:
        """`end` ends this process with a status."""
        self._emulator, self._clock = emulator, clock
        self._end = end
        self._state = state
        self._reported: saved.Report | None = None
        self._reason = ""  # of the latest file that could not be written
        self._errors: dict[str, str] = {}  # services that are given up
        self._copies: dict[str, Any] = {}  # a service's state is asked for once: some forget it when they are asked
        self._saved: set[str] = set()

    def save_and_end(self) -> None:
        """Try until everything is saved. The process that started this one may kill it instead."""
        if self._emulator.are_queues_locked():
            signal.setitimer(signal.ITIMER_REAL, 0.02)  # again: this very thread may have locked them
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, _raise_timeout)
        while (report := self._save()).services:
            self._report(report)
            self._clock.sleep(_RETRY_SECONDS)
        if report.is_complete:
            saved.mark_clean(self._state)
        self._report(report)
        self._end(0 if report.is_complete else 1)

    def _save(self) -> saved.Report:
        """Save the queues, which may take as long as it needs, then the rest, which may not."""
        states = self._emulator.services()
        report = self._save_queues(states.pop("sqs"))
        signal.setitimer(signal.ITIMER_REAL, _REST)
        try:
            for name, give in states.items():
                if name not in self._saved | self._errors.keys():
                    self._save_service(name, give)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except _TimeoutError:
            self._reason = f"not within {_REST:.0f} s"
        missing = [name for name in states if name not in self._saved | self._errors.keys()]
        return report._replace(services=[*report.services, *missing], reason=self._reason, errors=dict(self._errors))

    def _save_queues(self, give: Callable[[], Any]) -> saved.Report:
        """Save the queues, each time: they are drained meanwhile."""
        report = saved.Report(unfinished_files=self._emulator.unfinished_events())  # only files are imported by events
        try:
            state = give()
            held = saved.messages(state)
        except Exception as error:  # noqa: BLE001  the other services are saved
            self._give_up("sqs", error)
            return report
        is_saved = self._write("sqs", state)
        return report._replace(
            services=[] if is_saved or "sqs" in self._errors else ["sqs"],
            unsaved=saved.count_unsaved(self._state, held),
            queued={queue: len(ids) for queue, ids in sorted(held.items())},
        )

    def _save_service(self, name: str, give: Callable[[], Any]) -> None:
        if name not in self._copies:
            try:
                self._copies[name] = give()
            except OSError as error:  # it writes files, as that of the functions does
                self._reason = error.strerror or str(error)
                return
            except Exception as error:  # noqa: BLE001  the other services are saved
                self._give_up(name, error)
                return
        if self._copies[name] is None or self._write(name, self._copies[name]):
            self._saved.add(name)

    def _write(self, name: str, state: Any) -> bool:
        """Write the state of a service; return whether that succeeded."""
        try:
            self._emulator.save(saved.folder(self._state), name, state)
        except OSError as error:  # a user can change that: free space, or give back a right
            self._reason = error.strerror or str(error)
            return False
        except Exception as error:  # noqa: BLE001  the other services are saved
            self._give_up(name, error)
            return False
        return True

    def _give_up(self, name: str, error: Exception) -> None:
        """Try this service no more: neither time nor space changes that error."""
        if name not in self._errors:
            _logger.error("the state of %s cannot be saved", name, exc_info=error)
        self._errors[name] = f"{type(error).__name__}: {error}"

    def _report(self, report: saved.Report) -> None:
        if report != self._reported:
            self._reported = report
            if not report.is_complete:
                _logger.error("not saved: %s", report.describe({}))
        saved.send_report(self._state, report)  # each time: a later run may have started since


def _raise_timeout(*_: object) -> None:
    raise _TimeoutError


def _end(status: int) -> None:
    """End this process and those that it started, whatever they are doing."""
    for process in psutil.Process().children(recursive=True):
        process.kill()
    with contextlib.suppress(OSError):  # the log's disk may be full
        logging.shutdown()
        sys.stdout.flush()
    os._exit(status)  # threads of the emulator's would be waited for


def _raise_limit_of_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
