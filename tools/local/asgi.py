"""ASGI requests and responses, with limits for bodies that are large, slow or incomplete."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 10.0  # limit for receiving a body
LINGER_SECONDS = 2.0  # time for a client that still sends to read the response


class AsgiResponse(NamedTuple):
    """A complete response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a header, by its name in lower case."""
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


class Body:
    """Body of a request, which is read only as far as necessary."""

    def __init__(self, receive: Receive) -> None:
        """Create a body without reading it."""
        self._receive = receive
        self._is_complete = False

    async def read(self, max_bytes: int) -> bytes | None:
        """Return the body; None if it is larger, and the rest is not read.

        Raises:
            TimeoutError: the body did not arrive in time, or the client disconnected.
        """
        body = b""
        async with asyncio.timeout(BODY_SECONDS):
            while not self._is_complete and len(body) <= max_bytes:
                body += await self._read_part()
        return body if len(body) <= max_bytes else None

    async def discard(self) -> None:
        """Read the rest for a short time, so that a client that still sends it can read the response."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._is_complete:
                    await self._read_part()

    async def _read_part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise TimeoutError
        self._is_complete = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part


async def send_response(send: Send, response: AsgiResponse, body: Body) -> None:
    """Send a response, and end the request; Hypercorn itself would wait forever for the rest of its body."""
    headers = [pair for pair in response.headers if pair[0].lower() != b"content-length"]
    headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await body.discard()
    await send({"type": "http.response.body", "body": b""})  # Hypercorn closes the connection of an incomplete body
