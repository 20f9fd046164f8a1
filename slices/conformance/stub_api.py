"""Stub of the API, for runs without a stack: it parses punches as the drain does, and stores nothing."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC
from typing import NamedTuple

from ponto.parser import InvalidPunchError, parse
from ponto.punch import Punch

MAX_BODY_BYTES = 65_536
"""The largest body that the queue accepts: `maximumMessageSize` in resources/queues.yml."""

CORS_HEADERS = {"access-control-allow-origin": "*", "access-control-expose-headers": "Date,Retry-After"}
"""Headers of every response; without them a page in a browser could not read the status."""

PREFLIGHT_HEADERS = {
    **CORS_HEADERS,
    "access-control-allow-methods": "GET,POST,OPTIONS",
    "access-control-allow-headers": "Authorization,Content-Type,X-Api-Key",
    "access-control-max-age": "3600",
}

_REQUEST_ERROR = "there is an error in your request"
_BODY_TOO_LARGE = f"{_REQUEST_ERROR}: it is larger than {MAX_BODY_BYTES} bytes"


class HttpResponse(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]  # names in lower case; without content-length and date
    body: bytes


def message_response(status: int, text: str, **headers: str) -> HttpResponse:
    """Return a response in the gateway's format.

    Args:
        status: HTTP status.
        text: message of the body.
        headers: additional headers, with underscores for hyphens, such as `retry_after`.
    """
    return _json_response(status, {"message": text}, **headers)


def fault_response(status: int, retry_after: int | None = None) -> HttpResponse:
    """Return the response of an injected fault, with the message of the gateway.

    Args:
        status: HTTP status, 400 or above.
        retry_after: value of the header Retry-After, in seconds; None: no header.
    """
    texts = {
        400: f"{_REQUEST_ERROR}: injected by ponto conformance",
        413: _BODY_TOO_LARGE,
        429: "Too Many Requests",
    }
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return message_response(status, texts.get(status, "there was an error handling your request"), **headers)


def parse_body(body: bytes) -> Punch | str:
    """Parse a body; return the punch, or the reason why the body is invalid."""
    try:
        return parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except InvalidPunchError as error:
        return error.detail


class StubApi:
    """API that responds as a stack without slices does."""

    def __init__(self, key: str | None = None) -> None:
        """Accept one API key, or every key if `key` is None."""
        self._key = key

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Return the response to a request.

        Args:
            method: HTTP method.
            path: path below the API's address, such as "/ponto".
            headers: headers with names in lower case.
            body: body of the request.
        """
        if (path, method) == ("/ponto", "OPTIONS"):
            return HttpResponse(204, PREFLIGHT_HEADERS, b"")
        if (path, method) != ("/ponto", "POST"):
            return message_response(403, "Missing Authentication Token")  # the gateway's response to an unknown path
        key = headers.get("x-api-key", "")
        if not key or (self._key is not None and key != self._key):
            return message_response(403, "Forbidden")
        return self._accept_or_refuse(headers, body)

    def _accept_or_refuse(self, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return message_response(415, "Unsupported Media Type")
        punch = parse_body(body)
        if isinstance(punch, str):
            return message_response(400, f"{_REQUEST_ERROR}: {punch}")
        if len(body) > MAX_BODY_BYTES:
            return message_response(413, _BODY_TOO_LARGE)
        return _json_response(202, {"message": "accepted", "messageId": str(uuid.uuid4())})


def _json_response(status: int, body: object, **headers: str) -> HttpResponse:
    extra_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(
        status, {"content-type": "application/json", **CORS_HEADERS, **extra_headers}, json.dumps(body).encode()
    )
