"""A local HTTP server whose responses a test supplies."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from socket import SHUT_RDWR
from threading import Thread
from typing import NamedTuple

import werkzeug
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


Response = tuple[int, Mapping[str, str], bytes]
"""Status, headers without Content-Length, and body."""


@contextmanager
def http_server(answer: Callable[[Request], Response | None]) -> Iterator[str]:
    """Run an HTTP server; yield its URL without a path. Each connection is closed after one response.

    Args:
        answer: Called in several threads; returns the response, or None to close the connection without one.
    """

    @werkzeug.Request.application
    def application(request: werkzeug.Request) -> werkzeug.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        response = answer(Request(request.method, request.environ["RAW_URI"], headers, request.get_data()))
        if response is None:
            # werkzeug would keep the connection open, and the client wait for its own timeout.
            request.environ["werkzeug.socket"].shutdown(SHUT_RDWR)
            raise ConnectionAbortedError
        status, response_headers, body = response
        return werkzeug.Response(body, status, dict(response_headers))

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def json_response(status: int, body: object) -> Response:
    """Return a response with JSON, as API Gateway sends it."""
    return status, {"content-type": "application/json"}, json.dumps(body).encode()
