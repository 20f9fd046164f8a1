"""Requests and answers as hypercorn hands them over: bodies that are large, slow or without an end cost little."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Response(NamedTuple):
    """A whole answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class TimeLimits(NamedTuple):
    """Time limits of a request."""

    body_seconds: float = 10.0  # that a body may take
    linger_seconds: float = 2.0  # in which somebody who still sends may read the answer


def values(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a header, by its name in lower case."""
    return [value.decode("latin-1") for found, value in scope["headers"] if found == name]


async def read(scope: Scope, receive: Receive, most: int, seconds: float) -> bytes | None:
    """Read a body of at most so many bytes. None: it is larger, and no more of it is read.

    Raises:
        TimeoutError: it did not come whole, or not in time.
    """
    if any(int(length) > most for length in values(scope, b"content-length")):
        return None
    body = b""
    async with asyncio.timeout(seconds):
        while len(body) <= most:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise TimeoutError
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
    return body if len(body) <= most else None


def early(receive: Receive, send: Send, seconds: float) -> Send:
    """Answer before the body has come: for a moment it is dropped, so that whoever sends it gets to read the answer.

    Hypercorn would wait for ever to hand it over.
    """

    async def send_early(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        dropping = asyncio.create_task(_drop(receive))
        try:
            await send({**message, "more_body": True})
            await asyncio.wait({dropping}, timeout=seconds)
            await send({"type": "http.response.body", "body": b""})  # here it closes, unless all has come
        finally:
            dropping.cancel()

    return send_early


async def _drop(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass


async def answer(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Send an answer with its length, whatever its headers say of that."""
    written = [pair for pair in headers if pair[0].lower() != b"content-length"]
    written.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": written})
    await send({"type": "http.response.body", "body": body})
