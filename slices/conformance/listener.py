"""A server of HTTP that can do what servers and networks do at their worst; one request for each connection.

Libraries may repeat by themselves what fails on a connection that they used before, and it would count as the client's
doing: so no connection is kept.
"""

import contextlib
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.client import responses
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, NamedTuple

import h11

from slices.conformance.stub_api import MAX_BODY_BYTES, HttpResponse, message_response
from tools.kit.output import print_status

_MAX_BODY_BYTES = 10 * 1024 * 1024  # bytes of a body, the gateway's limit
_MAX_BUFFERED_BODY_BYTES = 4 * MAX_BODY_BYTES  # of a body in memory: a larger one is read on, and refused
_CHUNK_BYTES = 1 << 14  # bytes read at once
_MAX_HEAD_BYTES = 1 << 15  # bytes of a request's headers, and a piece more; the gateway takes 10,240
_READ_S = 60.0  # s that a client has for its request
_POLL_SECONDS = 0.1
_BODY_TOO_LONG = message_response(413, "HttpRequest Too Long")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: nothing lingers, the other side gets a reset


class HttpRequest(NamedTuple):
    """A request."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class ClientConnection:
    """The way back to a client."""

    def __init__(self, connection: socket.socket, method: str = "") -> None:
        self._socket = connection
        self._method = method

    def send(self, answer: HttpResponse, date: str, *, whole: bool = True) -> bool:
        """Send an answer, or only its head and half its body; give whether the client took all, as far as is known."""
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"date: {date}", "connection: close"]
        if answer.status not in (204, 304):
            lines.append(f"content-length: {len(answer.body)}")
        body = b"" if self._method == "HEAD" else answer.body
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
        try:
            self._socket.sendall(head + (body if whole else body[: len(body) // 2]))
        except OSError:
            return False
        return whole

    def wait_until_read(self, most: float, closing: threading.Event) -> bool:
        """Wait until the client closes its side, and tell whether it had read all that was sent.

        A system that closes a connection with something unread in it answers with a reset. After `most` seconds by the
        wall clock, or once `closing` is set, the client is taken to have read all.
        """
        end = time.monotonic() + most
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0 and not closing.is_set():
                readable, _, _ = select.select([self._socket], [], [], min(left, _POLL_SECONDS))
                if readable and not self._socket.recv(4096):
                    break
        except OSError:
            return False
        return True

    def reset(self) -> None:
        """Break the connection off, so that the client sees it."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.close()

    def is_closed_by_client(self) -> bool:
        """Whether the client has closed its side."""
        try:
            readable, _, _ = select.select([self._socket], [], [], 0)
            return bool(readable) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def wait_until_closed(self, most: float, closing: threading.Event) -> None:
        """Wait until the client has turned away, for at most so many seconds by the wall clock."""
        end = time.monotonic() + most
        while not closing.is_set() and not self.is_closed_by_client() and (left := end - time.monotonic()) > 0:
            select.select([self._socket], [], [], min(left, _POLL_SECONDS))


RequestHandler = Callable[[HttpRequest, ClientConnection], None]


class Listener:
    """Listens from the start, each connection in a thread of its own."""

    def __init__(self, host: str, port: int, serve: RequestHandler) -> None:
        """Begins to listen.

        Args:
            host: an address of this machine.
            port: 0: any that is free.
            serve: answers, or not; the connection is closed after it.

        Raises:
            OSError: it cannot listen there.
        """
        self._server = _Server((host, port), serve)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    def close(self) -> None:
        """Listen no more, and wait for whoever is being answered."""
        self._server.shutdown()
        self._server.stop_reading()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128  # clients that come all at once are to be seen coming

    def __init__(self, address: tuple[str, int], serve: RequestHandler) -> None:
        super().__init__(address, _Handler)
        self.serve = serve
        self._open: set[socket.socket] = set()
        self._has_reported = False

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def report_unreadable(self, answer: HttpResponse) -> None:
        """Say of the first request that is no attempt, for it cannot be read, what it is answered."""
        if not self._has_reported:
            self._has_reported = True
            said = answer.body.decode()
            print_status(f"ponto conformance: a request is not counted, and answered {answer.status} {said}")

    def stop_reading(self) -> None:
        """Wait for no request any more that has not come."""
        for each in list(self._open):
            with contextlib.suppress(OSError):  # it is closed by now
                each.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone; anything else is a defect, and printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.settimeout(_READ_S)
        found = _read(self.request)
        if isinstance(found, HttpRequest):
            self.server.serve(found, ClientConnection(self.request, found.method))
        elif found:
            self.server.report_unreadable(found)
            ClientConnection(self.request).send(found, formatdate(usegmt=True))


def _read(connection: socket.socket) -> HttpRequest | HttpResponse | None:
    """Read a request; give the answer to one that is too large or no HTTP, and None if the client has gone."""
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
    request = HttpRequest("", "", {}, b"")
    body = bytearray()  # what is more than is kept is forgotten but for that it was there
    size = 0
    try:
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request):
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                request = HttpRequest(event.method.decode(), event.target.decode(), headers, b"")
            elif isinstance(event, h11.Data):
                size += len(event.data)
                body += event.data if len(body) <= _MAX_BUFFERED_BODY_BYTES else b""
            else:
                if http.they_are_waiting_for_100_continue:
                    connection.sendall(
                        http.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")) or b""
                    )
                if not (piece := connection.recv(_CHUNK_BYTES)):
                    return None
                http.receive_data(piece)
            if max(size, int(request.headers.get("content-length", 0))) > _MAX_BODY_BYTES:
                return _BODY_TOO_LONG
    except h11.RemoteProtocolError as error:
        return message_response(error.error_status_hint, f"the request cannot be read: {error}")
    return request._replace(body=bytes(body)) if len(body) <= _MAX_BUFFERED_BODY_BYTES else _BODY_TOO_LONG
