"""Hypercorn's connections: half of a request's head is not waited for as the next request is, and none is HTTP/2."""

import asyncio
import contextlib
import time
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.h11 import H11Protocol

_PATIENCE = 5.0  # s after which half a head is looked at, and again until it is closed


def replace() -> None:
    """Patch the hypercorn of this process: see the module's docstring."""

    async def wait_for_a_request(server: Any) -> None:
        end = time.monotonic() + server.config.keep_alive_timeout
        begun = False
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.context.terminated.wait(), _PATIENCE)
                break
            head, _ = server.protocol.protocol.connection.trailing_data
            if head and begun:
                break
            begun = bool(head)
        await asyncio.shield(server._initiate_server_close())

    async def speak_http_1(_: H11Protocol, __: object) -> None:
        pass  # the request is served as any other: hypercorn would change to HTTP/2, which no client here speaks

    TCPServer._idle_timeout = wait_for_a_request  # type: ignore[method-assign, assignment]
    H11Protocol._check_protocol = speak_http_1  # type: ignore[method-assign, assignment]
