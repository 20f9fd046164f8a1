"""The answers of the reference's API without a stack, by ponto's own rules: nothing is stored."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC
from typing import NamedTuple

from ponto.parser import InvalidPunchError, parse
from ponto.punch import Punch

MAX_BODY_BYTES = 65_536
"""Of a body: what the queue takes, `maximumMessageSize` in resources/queues.yml."""

CORS_HEADERS = {"access-control-allow-origin": "*", "access-control-expose-headers": "Date,Retry-After"}
"""On every answer, or a browser's page sees no status."""

PREFLIGHT_HEADERS = {
    **CORS_HEADERS,
    "access-control-allow-methods": "GET,POST,OPTIONS",
    "access-control-allow-headers": "Authorization,Content-Type,X-Api-Key",
    "access-control-max-age": "3600",
}

_REQUEST_ERROR = "there is an error in your request"
_BODY_TOO_LARGE = f"{_REQUEST_ERROR}: it is larger than {MAX_BODY_BYTES} bytes"


class HttpResponse(NamedTuple):
    """An answer of HTTP."""

    status: int
    headers: Mapping[str, str]  # names in lower case; without length and date
    body: bytes


def message_response(status: int, text: str, **headers: str) -> HttpResponse:
    """Make an answer as the gateway makes them; in the names of `headers`, `_` stands for `-`."""
    return _json(status, {"message": text}, **headers)


def fault_response(status: int, retry_after: int | None = None) -> HttpResponse:
    """Make an answer that says something else than what happened, in the gateway's words."""
    texts = {
        400: f"{_REQUEST_ERROR}: made up by the conformance kit",
        413: _BODY_TOO_LARGE,
        429: "Too Many Requests",
    }
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return message_response(status, texts.get(status, "there was an error handling your request"), **headers)


def parse_body(body: bytes) -> Punch | str:
    """Read a body; say what is wrong where it is no punch."""
    try:
        return parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except InvalidPunchError as error:
        return error.detail


class StubApi:
    """Answers as a stack without slices does, for one API key, or, without one, for any."""

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Answer a request; its path is below the API's address, "/ponto", its headers' names are in lower case."""
        if (path, method) == ("/ponto", "OPTIONS"):
            return HttpResponse(204, PREFLIGHT_HEADERS, b"")
        if (path, method) != ("/ponto", "POST"):
            return message_response(403, "Missing Authentication Token")  # so says the gateway of what it does not have
        key = headers.get("x-api-key", "")
        if not key or (self._key is not None and key != self._key):
            return message_response(403, "Forbidden")
        return self._punch(headers, body)

    def _punch(self, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return message_response(415, "Unsupported Media Type")
        found = parse_body(body)
        if isinstance(found, str):
            return message_response(400, f"{_REQUEST_ERROR}: {found}")
        if len(body) > MAX_BODY_BYTES:
            return message_response(413, _BODY_TOO_LARGE)
        return _json(202, {"message": "accepted", "messageId": str(uuid.uuid4())})


def _json(status: int, body: object, **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(
        status, {"content-type": "application/json", **CORS_HEADERS, **named}, json.dumps(body).encode()
    )
