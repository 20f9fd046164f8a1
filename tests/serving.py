"""A server of HTTP on this machine, for which a test answers."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


Response = tuple[int, Mapping[str, str], bytes]
"""Status, headers but for the length, and body."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has gone; print anything else, which is a defect."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def http_server(answer: Callable[[Request], Response | None]) -> Iterator[str]:
    """Listen for as long as the context lasts; give the address, without a path. No connection is kept.

    Args:
        answer: is called in several threads; after None the connection is closed, as by a network that went away.
    """

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            found = answer(Request(self.command, self.path, headers, body))
            if found is None:
                return
            status, given, text = found
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _answer  # noqa: N815  http.server's

        def log_message(self, *_: object) -> None:
            """Log nothing: the test has the request."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def json_response(status: int, body: object) -> Response:
    """Make an answer as the gateway has it."""
    return status, {"content-type": "application/json"}, json.dumps(body).encode()
