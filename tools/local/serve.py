"""The process that is this machine's AWS: the emulator behind the guard, on one port of the loopback address.

    python -m tools.local.serve PORT STATE

`make run` starts it, with the emulator's settings and the run's access key id in the environment.
"""

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tools.kit import slices
from tools.local import adapter, saved
from tools.local.flow import Flow, key
from tools.local.guard import Guard, Public

HOST = "127.0.0.1"
_GRACE = 2.0  # s that requests may take to end
_REST = 6.0  # s in which all but the queues is saved


def main(port: int, state: Path) -> int:
    """Serve until SIGTERM. Then it saves, and ends whatever still runs: a function that hangs, a stack that waits.

    Its exit status is 0 when all that the emulator holds is saved. When not it is 1, and the log says what is missing.
    """
    adapter.replace()
    everybody = Public(adapter.call_api, adapter.is_signed, adapter.public_keys)
    run = os.environ["AWS_ACCESS_KEY_ID"]
    view = Flow(state.parent, key(run), adapter.messages, adapter.accepted)
    served = [slices.found(each["files"]) for each in slices.said_by_name("local").values()]
    guard = Guard(adapter.application, everybody, port, run, view, served)
    _raise_limit_of_files()
    threading.Thread(target=view.watch, daemon=True).start()
    asyncio.run(_serve(guard, port, state))
    return 1  # hypercorn ended by itself


async def _serve(guard: Guard, port: int, state: Path) -> None:
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
    signal.signal(signal.SIGALRM, lambda *_: _save_and_end(state))
    saved.mark_running(state)
    never = asyncio.Event().wait
    serving = asyncio.create_task(serve(guard, config, shutdown_trigger=never, mode="asgi"))  # type: ignore[arg-type]
    await asyncio.wait({serving, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    while stopping.is_set():
        if not guard.is_busy:
            _save_and_end(state)
        await asyncio.sleep(0.02)
    await serving


def _save_and_end(state: Path) -> None:
    """Save the queues, which may take as long as it needs, then the rest, which may not, and end this process."""
    if adapter.are_queues_locked():
        signal.setitimer(signal.ITIMER_REAL, 0.02)  # again: this very thread may have it
        return
    signal.setitimer(signal.ITIMER_REAL, 0)
    services = adapter.services()
    missing = _save(state, "sqs", services.pop("sqs"))

    def end(*_: object) -> None:
        _end(state, [*missing, *(f"the state of {name}: there was no time left" for name in services)])

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _REST)
    for name, give in list(services.items()):
        missing += _save(state, name, give)
        del services[name]
    end()


def _save(state: Path, name: str, give: Callable[[], Any]) -> list[str]:
    """Save a service's state; say what of it is missing, a line each."""
    began = time.time()
    try:
        given = give()
    except Exception as error:  # noqa: BLE001  of one service; the others are saved
        return [f"the state of {name}: {type(error).__name__}: {error}"]
    if given is None:
        return []
    adapter.save(name, given)
    return saved.compare(state, began, name, saved.messages(given) if name == "sqs" else {})


def _end(state: Path, missing: list[str]) -> None:
    """End this process and those that it started, whatever they are doing."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for line in missing:
        logging.getLogger("local").error("%s%s", saved.NOT_SAVED, line)
    if files := adapter.unfinished_events():  # only files are imported so
        logging.getLogger("local").warning("%s%s", saved.NOT_IMPORTED, files)
    if not missing:
        saved.mark_clean(state)
    for process in psutil.Process().children(recursive=True):
        process.kill()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(1 if missing else 0)  # threads of the emulator's would be waited for


def _raise_limit_of_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
