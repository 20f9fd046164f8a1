"""A local HTTP server whose responses a test supplies."""

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
"""Status, headers without Content-Length, and body."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that closed its connection; print any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def http_server(answer: Callable[[Request], Response | None]) -> Iterator[str]:
    """Run an HTTP server; yield its URL without a path. Each connection is closed after one response.

    Args:
        answer: Called in several threads; returns the response, or None to close the connection without one.
    """

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            response = answer(Request(self.command, self.path, headers, body))
            if response is None:
                return
            status, response_headers, response_body = response
            self.send_response(status)
            for name, value in response_headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response_body)))
            self.end_headers()
            self.wfile.write(response_body)

        do_GET = do_POST = _answer  # noqa: N815  names that http.server calls

        def log_message(self, *_: object) -> None:
            """Log nothing: the test gets the request itself."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def json_response(status: int, body: object) -> Response:
    """Return a response with JSON, as API Gateway sends it."""
    return status, {"content-type": "application/json"}, json.dumps(body).encode()
