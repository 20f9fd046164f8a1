"""HTTP server with control over its connections: it can truncate a response, reset a connection or stay silent.

It serves one request for each connection. HTTP libraries may repeat a request by themselves when it fails on a reused
connection, and the repetition would look like one of the client's own attempts.
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

from slices.conformance import stub_api
from slices.conformance.stub_api import HttpResponse, message_response
from tools.kit.output import print_status

_MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's limit
_MAX_BUFFERED_BODY_BYTES = 4 * stub_api.MAX_BODY_BYTES  # the rest of a larger body is read and discarded
_CHUNK_BYTES = 1 << 14
_MAX_HEAD_BYTES = 1 << 15  # with the chunk that completes it; API Gateway's limit is 10,240
_REQUEST_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_BODY_TOO_LONG = message_response(413, "Request Too Long")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 seconds: closing sends a reset


class HttpRequest(NamedTuple):
    """An HTTP request."""

    method: str
    path: str  # including the query
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class ClientConnection:
    """The connection on which a request arrived."""

    def __init__(self, connection: socket.socket, method: str = "") -> None:
        self._socket = connection
        self._method = method

    def send(self, response: HttpResponse, date: str, *, truncate: bool = False) -> bool:
        """Send a response.

        Args:
            response: without content-length and date, which are added.
            date: value of the header Date.
            truncate: send only the head and the first half of the body.

        Returns:
            Whether the whole response was written to the socket.
        """
        lines = [f"HTTP/1.1 {response.status} {responses.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"date: {date}", "connection: close"]
        if response.status not in (204, 304):
            lines.append(f"content-length: {len(response.body)}")
        body = b"" if self._method == "HEAD" else response.body
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
        try:
            self._socket.sendall(head + (body[: len(body) // 2] if truncate else body))
        except OSError:
            return False
        return not truncate

    def wait_until_read(self, max_seconds: float, closing: threading.Event) -> bool:
        """Wait until the client closes its side, and return whether it has read everything that was sent.

        A client that closes its side without reading everything sends a reset.

        Args:
            max_seconds: by the wall clock; after it, the client is assumed to have read everything.
            closing: when it is set, the wait ends with the same assumption.
        """
        deadline = time.monotonic() + max_seconds
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while (remaining := deadline - time.monotonic()) > 0 and not closing.is_set():
                readable, _, _ = select.select([self._socket], [], [], min(remaining, _POLL_SECONDS))
                if readable and not self._socket.recv(4096):
                    break
        except OSError:
            return False
        return True

    def reset(self) -> None:
        """Close the connection with a reset, which the client sees as an error."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.close()

    def is_closed_by_client(self) -> bool:
        """Return whether the client has closed its side."""
        try:
            readable, _, _ = select.select([self._socket], [], [], 0)
            return bool(readable) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def wait_until_closed(self, max_seconds: float, closing: threading.Event) -> None:
        """Wait until the client closes its side or `closing` is set, at most `max_seconds` by the wall clock."""
        deadline = time.monotonic() + max_seconds
        while not closing.is_set() and not self.is_closed_by_client():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            select.select([self._socket], [], [], min(remaining, _POLL_SECONDS))


RequestHandler = Callable[[HttpRequest, ClientConnection], None]


class Listener:
    """A listening server, with one thread for each connection."""

    def __init__(self, host: str, port: int, handler: RequestHandler) -> None:
        """Start to listen.

        Args:
            host: an address of this machine.
            port: 0 for any free port.
            handler: called with each request; it may send a response. The connection is closed when it returns.

        Raises:
            OSError: The server cannot listen on the address.
        """
        self._server = _Server((host, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Port on which the server listens."""
        port: int = self._server.server_address[1]
        return port

    def close(self) -> None:
        """Stop listening, and wait for the requests that are being handled."""
        self._server.shutdown()
        self._server.stop_reading()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128  # large enough that the system refuses no simultaneous connection

    def __init__(self, address: tuple[str, int], handler: RequestHandler) -> None:
        super().__init__(address, _Handler)
        self.handler = handler
        self._open_connections: set[socket.socket] = set()
        self._has_reported_unreadable_request = False

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open_connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open_connections.discard(request)
        super().shutdown_request(request)

    def report_unreadable_request(self, response: HttpResponse) -> None:
        """Print that requests cannot be read and do not count as attempts, with the response to the first."""
        if not self._has_reported_unreadable_request:
            self._has_reported_unreadable_request = True
            print_status(
                "ponto conformance: a request that cannot be read is not counted; "
                f"it was answered {response.status} {response.body.decode()}"
            )

    def stop_reading(self) -> None:
        """End the wait for requests that have not arrived completely."""
        for connection in list(self._open_connections):
            with contextlib.suppress(OSError):  # it may already be closed
                connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has closed the connection; print any other error, which is a defect."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.settimeout(_REQUEST_TIMEOUT_SECONDS)
        result = _read_request(self.request)
        if isinstance(result, HttpRequest):
            self.server.handler(result, ClientConnection(self.request, result.method))
        elif result:
            self.server.report_unreadable_request(result)
            ClientConnection(self.request).send(result, formatdate(usegmt=True))


def _read_request(connection: socket.socket) -> HttpRequest | HttpResponse | None:
    """Read a request.

    Returns:
        The request; or the response to one that is too large or is not HTTP; or None if the client has closed its side.
    """
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
    request = HttpRequest("", "", {}, b"")
    body = bytearray()  # at most one chunk more than the limit, which shows that the body is too long
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
                if not (chunk := connection.recv(_CHUNK_BYTES)):
                    return None
                http.receive_data(chunk)
            if max(size, int(request.headers.get("content-length", 0))) > _MAX_BODY_BYTES:
                return _BODY_TOO_LONG
    except h11.RemoteProtocolError as error:
        return message_response(error.error_status_hint, f"the request cannot be read: {error}")
    return request._replace(body=bytes(body)) if len(body) <= _MAX_BUFFERED_BODY_BYTES else _BODY_TOO_LONG
