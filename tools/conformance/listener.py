"""A server of HTTP that can do what servers and networks do at their worst; one request for each connection.

Libraries may repeat by themselves what fails on a connection that they used before, and it would count as the client's
doing: so no connection is kept.
"""

import contextlib
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

from tools.conformance.contract import Answer, message

_LARGEST = 10 * 1024 * 1024  # bytes of a body, the gateway's limit
_READ_S = 60.0  # s that a client has for its request
_POLL_S = 0.1
_is_size = re.compile(rb"[0-9a-fA-F]{1,8}").fullmatch
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
            if body is None:
                connection.send(message(413, "Request Too Long"), self.date_time_string())
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            serve(Request(self.command, self.path, headers, body), connection)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond  # noqa: N815  http.server's

        def _body(self) -> bytes | None:
            """Read the body; None when it is too large, or its length is no number."""
            if "chunked" in self.headers.get("transfer-encoding", "").lower():
                return self._chunks()
            length = self.headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > _LARGEST:
                return None
            return self.rfile.read(int(length))

        def _chunks(self) -> bytes | None:
            body = bytearray()
            while True:
                text = self.rfile.readline(1000).partition(b";")[0].strip()
                if not _is_size(text) or int(text, 16) + len(body) > _LARGEST:
                    return None
                if not (size := int(text, 16)):
                    break
                body += self.rfile.read(size)
                self.rfile.readline(3)
            while self.rfile.readline(1000).strip():  # trailers
                pass
            return bytes(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the run has it."""

    return Handler
