"""A server of HTTP that can do what servers and networks do at their worst; one request for each connection.

Libraries may repeat by themselves what fails on a connection that they used before, and it would count as the client's
doing: so no connection is kept.
"""

import contextlib
import io
import re
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tools.conformance.contract import MOST_BYTES, Answer, message

_LARGEST = 10 * 1024 * 1024  # bytes of a body, the gateway's limit
_KEPT = 4 * MOST_BYTES  # of a body in memory: a larger one is read on, and refused
_PIECE = 1 << 16  # bytes read at once
_HEAD = 1 << 15  # bytes of a request's headers; the gateway takes 10,240
_TRAILERS = 100
_CONNECTIONS = 256  # at once; with large heads and bodies they took 110 MB
_READ_S = 60.0  # s that a client has for its request
_POLL_S = 0.1
_is_length = re.compile("[0-9]+").fullmatch
_is_size = re.compile(rb"[0-9a-fA-F]{1,8}").fullmatch
_TOO_LONG = message(413, "Request Too Long")
_NO_LENGTH = message(400, "the body's length is no number")
_LONG_HEAD = message(431, "Request Header Fields Too Large")
_BUSY = f"HTTP/1.1 429 {responses[429]}\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: nothing lingers, the other side gets a reset


class Request(NamedTuple):
    """A request."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Connection:
    """The way back to a client."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        """Takes who has read the request."""
        self._handler = handler
        self._socket: socket.socket = handler.connection

    def send(self, answer: Answer, date: str, *, whole: bool = True) -> bool:
        """Send an answer.

        Args:
            answer: what to send.
            date: for its header.
            whole: all of it, or only the head and half of the body.

        Returns:
            Whether the client took it, as far as can be known.
        """
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"date: {date}", "connection: close"]
        if answer.status not in (204, 304):
            lines.append(f"content-length: {len(answer.body)}")
        body = b"" if self._handler.command == "HEAD" else answer.body
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
        try:
            self._socket.sendall(head + (body if whole else body[: len(body) // 2]))
        except OSError:
            return False
        return whole

    def was_read(self, most: float, closing: threading.Event) -> bool:
        """Wait until the client closes its side, and tell whether it had read all that was sent.

        A system that closes a connection with something unread in it answers with a reset.

        Args:
            most: s by the wall clock after which it is taken to have read all.
            closing: ends the wait too.
        """
        end = time.monotonic() + most
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0 and not closing.is_set():
                readable, _, _ = select.select([self._socket], [], [], min(left, _POLL_S))
                if readable and not self._socket.recv(4096):
                    break
        except OSError:
            return False
        return True

    def reset(self) -> None:
        """Break the connection off, so that the client sees it."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._handler.rfile.close()  # it holds the socket open
        self._socket.close()

    def has_gone(self) -> bool:
        """Whether the client has closed its side."""
        try:
            readable, _, _ = select.select([self._socket], [], [], 0)
            return bool(readable) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def wait_until_gone(self, most: float, closing: threading.Event) -> None:
        """Wait until the client has turned away.

        Args:
            most: s by the wall clock.
            closing: ends the wait too.
        """
        end = time.monotonic() + most
        while not closing.is_set() and not self.has_gone() and (left := end - time.monotonic()) > 0:
            select.select([self._socket], [], [], min(left, _POLL_S))


Serve = Callable[[Request, Connection], None]


class Listener:
    """Listens from the start, each connection in a thread of its own."""

    def __init__(self, host: str, port: int, serve: Serve) -> None:
        """Begins to listen.

        Args:
            host: an address of this machine.
            port: 0: any that is free.
            serve: answers, or not; the connection is closed after it.

        Raises:
            OSError: it cannot listen there.
        """
        self._server = _Server((host, port), _handler(serve))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def close(self) -> None:
        """Listen no more, and wait for whoever is being answered."""
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128  # clients that come all at once are to be seen coming

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._open) >= _CONNECTIONS:
            with contextlib.suppress(OSError):
                request.sendall(_BUSY)
            super().shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Wait for no request any more that has not come."""
        for each in list(self._open):
            with contextlib.suppress(OSError):  # it is closed by now
                each.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone; anything else is a defect, and printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(serve: Serve) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _READ_S

        def _respond(self) -> None:
            self.close_connection = True
            connection = Connection(self)
            body = self._body()
            if isinstance(body, Answer):
                connection.send(body, self.date_time_string())
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            serve(Request(self.command, self.path, headers, body), connection)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond  # noqa: N815  http.server's

        def parse_request(self) -> bool:
            """Read the headers, which http.server lets be six megabytes."""
            stream, head = self.rfile, bytearray()
            while (line := stream.readline(_HEAD)).strip():
                head += line
                if len(head) > _HEAD:
                    self.command = ""
                    Connection(self).send(_LONG_HEAD, self.date_time_string())
                    return False
            self.rfile = io.BufferedReader(io.BytesIO(head + b"\r\n"))
            try:
                return super().parse_request()
            finally:
                self.rfile = stream

        def _body(self) -> bytes | Answer:
            """Read the body, or give the answer to one that is too large or whose length is no number."""
            if "chunked" in self.headers.get("transfer-encoding", "").lower():
                return self._chunks()
            length = self.headers.get("content-length", "0")
            if not _is_length(length):
                return _NO_LENGTH
            if len(length) > len(str(_LARGEST)) or int(length) > _LARGEST:
                return _TOO_LONG
            body = bytearray()
            self._read(int(length), body)
            return bytes(body) if len(body) <= _KEPT else _TOO_LONG

        def _chunks(self) -> bytes | Answer:
            body = bytearray()
            total = 0
            while True:
                text = self.rfile.readline(1000).partition(b";")[0].strip()
                if not _is_size(text):
                    return _NO_LENGTH
                size = int(text, 16)
                total += size
                if total > _LARGEST:
                    return _TOO_LONG
                if not size:
                    break
                self._read(size, body)
                self.rfile.readline(3)
            for _ in range(_TRAILERS):
                if not self.rfile.readline(1000).strip():
                    break
            return bytes(body) if len(body) <= _KEPT else _TOO_LONG

        def _read(self, size: int, body: bytearray) -> None:
            """Read on, as far as the client sends; what is more than is kept is forgotten but for that it was there."""
            while size and (part := self.rfile.read(min(size, _PIECE))):
                size -= len(part)
                if len(body) <= _KEPT:
                    body += part

        def log_message(self, *_: object) -> None:
            """Say nothing: the run has it."""

    return Handler
