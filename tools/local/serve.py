"""Process of the emulator and its guard, which listens on one port of the loopback address.

    python -m tools.local.serve PORT STATE

`make run` starts it, with the emulator's settings and the run's access key id in the environment.
"""

import asyncio
import contextlib
import errno
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tools.kit import deploy_hook
from tools.kit.clock import CLOCK, Clock
from tools.local import adapter, home, replacements, saved_state
from tools.local.flow import Flow, key
from tools.local.guard import Guard, PublicFunctions

HOST = "127.0.0.1"
_GRACE_SECONDS = 2.0  # limit for running requests at the stop
_RETRY_SECONDS = 1.0
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors whose message says enough

_logger = logging.getLogger("local")


def main(port: int, state: Path) -> int:
    """Serve until SIGTERM; then save everything, and end with status 0, with all child processes.

    If the state cannot be saved, try again each second.
    """
    replacements.install_patches()
    public_functions = PublicFunctions(adapter.call_api, adapter.is_signed, adapter.public_keys)
    access_key_id = os.environ["AWS_ACCESS_KEY_ID"]
    view = Flow(state.parent, key(access_key_id), adapter.messages, adapter.accepted_messages)
    files = deploy_hook.local_files()
    home_files = home.files(state.parent, {file_set.key: file_set.link_text for file_set in files})
    guard = Guard(
        adapter.application,
        public_functions,
        port,
        access_key_id,
        view,
        [file_set.read for file_set in files],
        home_files,
        partial(home.api_url, state.parent),
    )
    _raise_file_limit()
    threading.Thread(target=view.watch, daemon=True).start()
    asyncio.run(_serve(guard, port, state, Saver(state)))
    return 1  # hypercorn ended without SIGTERM


async def _serve(guard: Guard, port: int, state: Path, saver: "Saver") -> None:
    """Serve requests. The save blocks this thread, so that no message is accepted after it began."""
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        guard.close()
        signal.setitimer(signal.ITIMER_REAL, _GRACE_SECONDS)
        loop.call_soon_threadsafe(stopping.set)

    # Not the loop's own handlers, which would wait while the loop is busy.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, lambda *_: saver.save_and_end())
    saved_state.mark_running(state)
    never = asyncio.Event().wait
    server = asyncio.create_task(serve(guard, config, shutdown_trigger=never, mode="asgi"))  # type: ignore[arg-type]
    await asyncio.wait({server, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    while stopping.is_set():
        if not guard.is_busy:
            saver.save_and_end()
        await asyncio.sleep(0.02)
    await server


class SavableEmulator(Protocol):
    """Functions of the emulator that a saver needs; see `adapter`."""

    def are_queues_locked(self) -> bool: ...

    def services(self) -> dict[str, Callable[[], Any]]: ...

    def unfinished_events(self) -> int: ...

    def save(self, folder: Path, name: str, state: Any, /) -> None: ...


class Saver:
    """Saves the emulator's state, with retries until all of it is saved, and then ends this process."""

    def __init__(
        self,
        state: Path,
        end: Callable[[], None] = lambda: _end(),
        emulator: SavableEmulator = adapter,
        clock: Clock = CLOCK,
    ) -> None:
        """Create a saver; `end` ends this process."""
        self._emulator, self._clock = emulator, clock
        self._end = end
        self._state = state
        self._reported = saved_state.SaveReport()
        self._reason = ""  # latest error
        self._logged_errors: set[tuple[str, str]] = set()  # service and reason, as each error returns at each retry
        self._copies: dict[str, Any] = {}  # fetched once, as some services clear their state when it is fetched
        self._saved: set[str] = set()

    def save_and_end(self) -> None:
        """Save everything, with retries, and end this process. The parent process may kill it meanwhile."""
        if self._emulator.are_queues_locked():
            signal.setitimer(signal.ITIMER_REAL, 0.02)  # later, as this thread itself may hold the lock
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        while (report := self._save()).services:
            self._report(report)
            self._clock.sleep(_RETRY_SECONDS)
        saved_state.mark_clean(self._state)
        saved_state.send_report(self._state, report)
        self._end()

    def _save(self) -> saved_state.SaveReport:
        """Save the queues, then the services that are not saved yet; report the result."""
        services = self._emulator.services()
        queues = self._save_queues(services["sqs"])
        for name, get_state in services.items():
            if name != "sqs" and name not in self._saved:
                self._save_service(name, get_state)
        missing = [name for name in services if name not in self._saved]
        unfinished_files = self._emulator.unfinished_events()  # only files are imported by events
        return saved_state.SaveReport(missing, self._reason, queues, unfinished_files)

    def _save_queues(self, get_state: Callable[[], Any]) -> Mapping[str, tuple[int, int]]:
        """Save the queues again, as they are drained meanwhile; return the counts of `saved_state.count_unsaved`."""
        self._saved.discard("sqs")
        self._copies.pop("sqs", None)
        message_ids: dict[str, set[str]] = {}

        def get_state_and_record_ids() -> Any:
            state = get_state()
            message_ids.update(saved_state.message_ids(state))
            return state

        self._save_service("sqs", get_state_and_record_ids)
        counts = saved_state.count_unsaved(self._state, message_ids)
        if any(unsaved for unsaved, _ in counts.values()):
            self._saved.discard("sqs")
        return counts

    def _save_service(self, name: str, get_state: Callable[[], Any]) -> None:
        """Save the state of a service, or record the error."""
        try:
            if name not in self._copies:
                self._copies[name] = get_state()
            if self._copies[name] is not None:
                self._emulator.save(saved_state.folder(self._state), name, self._copies[name])
        except Exception as error:  # the other services are still saved
            self._reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            if getattr(error, "errno", None) not in _NO_SPACE and (name, self._reason) not in self._logged_errors:
                self._logged_errors.add((name, self._reason))
                _logger.exception("the state of %s was not saved", name)
        else:
            self._saved.add(name)

    def _report(self, report: saved_state.SaveReport) -> None:
        if report != self._reported:
            self._reported = report
            _logger.error("not saved: %s", report.describe({}))
        saved_state.send_report(self._state, report)  # each time, as another run may wait for it meanwhile


def _end() -> None:
    """Kill all child processes, and end this one."""
    for process in psutil.Process().children(recursive=True):
        process.kill()
    with contextlib.suppress(OSError):  # the log's disk may be full
        logging.shutdown()
        sys.stdout.flush()
    os._exit(0)  # sys.exit would wait for the emulator's threads


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
