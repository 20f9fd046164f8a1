"""The process that is this machine's AWS: the emulator behind the guard, on one port of the loopback address.

    python -m tools.local.serve PORT STATE

`tools/local/emulator.py` starts it, with the emulator's settings and the run's access key id in the environment.
"""

import asyncio
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as emulator  # type: ignore[import-untyped]
from ministack.services import sqs  # type: ignore[import-untyped]

from tools.local import connections, public, queues, saved, workers
from tools.local.flow import Flow
from tools.local.guard import Guard, Public

HOST = "127.0.0.1"
_FOREVER = 7 * 24 * 3600.0  # s; hypercorn would give up on a save that takes a minute


def main(port: int, state: Path) -> int:
    """Serve until SIGTERM, then save.

    Args:
        port: where to listen.
        state: the emulator's folder.

    Returns:
        The exit status: 0 when all that the emulator holds is saved, 1 when not.
    """
    connections.replace()
    queues.replace()
    workers.replace()
    everybody = Public(public.call_api, public.public_keys)
    guard = Guard(emulator.app, everybody, port, os.environ["AWS_ACCESS_KEY_ID"], Flow(state.parent, _messages))
    _raise_limit_of_files()
    began, asked = asyncio.run(_serve(guard, port, state))
    holding = {name: found for name, give in _services().items() if name in asked and (found := give()) is not None}
    unsaved = saved.compare(state, began, holding.keys(), saved.messages(holding["sqs"]) if "sqs" in holding else {})
    for line in unsaved:
        logging.getLogger("local").error("not saved: %s", line)
    if unsaved:
        return 1
    saved.mark_clean(state)
    return 0


async def _serve(guard: Guard, port: int, state: Path) -> tuple[float, set[str]]:
    """Serve until SIGTERM; the emulator saves before this returns.

    Returns:
        When the stopping began, s since the epoch, and the services that were asked to save, by name.
    """
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.shutdown_timeout = _FOREVER
    config.loglevel = "WARNING"
    stopping = asyncio.Event()
    began, asked = 0.0, set[str]()

    def stop() -> None:
        nonlocal began, asked
        if not stopping.is_set():
            began, asked = time.time(), set(_services())
            guard.close()
            stopping.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    saved.mark_running(state)
    await serve(guard, config, shutdown_trigger=stopping.wait, mode="asgi")  # type: ignore[arg-type]  # looser types
    return began, asked


def _messages(url: str) -> list[dict[str, Any]]:
    """Look into a queue, without receiving: nobody who works there notices."""
    for _, queue in list(sqs._queues.all_items()):
        if queue["url"] == url:
            return list(queue["messages"])
    return []


def _services() -> dict[str, Callable[[], Any]]:
    """What gives each service's state, by the name of its file: the emulator's own list."""
    found: dict[str, Callable[[], Any]] = emulator._build_persistence_save_dict()
    return found


def _raise_limit_of_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
