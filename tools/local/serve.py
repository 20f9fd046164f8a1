"""Process of the emulator and its guard, which listens on one port of the loopback address.

    python -m tools.local.serve PORT STATE

`make run` starts it, with the emulator's settings and the run's access key id in the environment. It logs to standard
error; standard output gets only the report of what was not saved.
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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tools.kit import deploy_hook
from tools.local import (
    adapter,
    adapter_workers,  # noqa: F401  registers its patches
    replacements,
)
from tools.local.emulator import HOST, STATE_FILES, UNSAVED
from tools.local.flow import Flow, key
from tools.local.guard import Guard, PublicFunctions

_GRACE_SECONDS = 2.0  # limit for running requests at the stop

_logger = logging.getLogger("local")


def main(port: int, state: Path) -> int:
    """Serve until SIGTERM; then save everything, and end with all child processes: with status 0 if all is saved."""
    report = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the emulator prints, too
    replacements.install_patches()
    public_functions = PublicFunctions(adapter.call_api, adapter.is_signed, adapter.public_keys)
    access_key_id = os.environ["AWS_ACCESS_KEY_ID"]
    view = Flow(state.parent, key(access_key_id), adapter.messages, adapter.accepted_messages)
    files = [file_set.read for file_set in deploy_hook.local_files()]
    guard = Guard(adapter.application, public_functions, port, access_key_id, view, files)
    _raise_file_limit()
    threading.Thread(target=view.watch, daemon=True).start()
    asyncio.run(_serve(guard, port, state, report))
    return 1  # hypercorn ended without SIGTERM


async def _serve(guard: Guard, port: int, state: Path, report: int) -> None:
    """Serve requests. The save blocks this thread, so that no message is accepted after it began."""
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    (state / UNSAVED).touch()
    never = asyncio.Event().wait
    server = asyncio.create_task(serve(guard, config, shutdown_trigger=never, mode="asgi"))  # type: ignore[arg-type]
    await asyncio.wait({server, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.is_set():
        guard.close()
        deadline = time.monotonic() + _GRACE_SECONDS
        while guard.is_busy and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        _save_and_end(state, report)
    await server


def _save_and_end(state: Path, report: int) -> None:
    """Save everything, report what is not saved, kill all child processes, and end this one."""
    lost = save(state, adapter.state_readers(), adapter.count_messages)
    if not lost:
        (state / UNSAVED).unlink()
    with contextlib.suppress(OSError):  # the process that reads it was killed
        os.write(report, "; ".join(lost).encode())
    for process in psutil.Process().children(recursive=True):
        process.kill()
    with contextlib.suppress(OSError):  # the log's disk may be full
        logging.shutdown()
        sys.stdout.flush()
    os._exit(1 if lost else 0)  # sys.exit would wait for the emulator's threads


def save(
    state: Path, services: Mapping[str, Callable[[], Any]], count_messages: Callable[[], Mapping[str, int]]
) -> list[str]:
    """Save the state of each service; return a text for each that is not saved, with the reason.

    Args:
        state: folder of the emulator.
        services: functions that return the state of a service, by its name.
        count_messages: returns the number of messages in each queue, by its name.
    """
    lost = []
    for name, get_state in services.items():
        try:
            if (content := get_state()) is not None:
                adapter.save_state(state / STATE_FILES, name, content)
        except Exception as error:  # the other services are still saved
            _logger.exception("the state of %s was not saved", name)
            counts = count_messages() if name == "sqs" else {}
            messages = "".join(f", {count:,} messages of {queue}" for queue, count in counts.items() if count)
            lost.append(f"{name}{messages} ({getattr(error, 'strerror', None) or repr(error)})")
    return lost


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
