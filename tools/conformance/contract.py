"""The API's answers without a stack, by ponto's own rules: what a client sees, and nothing is stored but ids."""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC
from typing import NamedTuple

from ponto.punch import NotAPunch, Punch, parse

MOST_BYTES = 65_536
"""Of a body: what the queue takes, `maximumMessageSize` in resources/queue.yml."""

CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "Date, Retry-After"}
"""On every answer, or a browser's page sees no status."""

PREFLIGHT = {
    **CORS,
    "access-control-allow-methods": "GET,POST,OPTIONS",
    "access-control-allow-headers": "Authorization,Content-Type,X-Api-Key",
    "access-control-max-age": "3600",
}

_is_receipt = re.compile(r"/ponto/([0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})").fullmatch
_NOT_READ = "there is an error in your request"


class Answer(NamedTuple):
    """An answer of HTTP."""

    status: int
    headers: Mapping[str, str]  # names in lower case; without length and date
    body: bytes


def message(status: int, text: str, **headers: str) -> Answer:
    """Make an answer as the gateway makes them.

    Args:
        status: HTTP's.
        text: the message.
        headers: more of them, `_` for `-`.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json", **CORS, **named}, json.dumps({"message": text}).encode())


def made_up(status: int, retry_after: int | None = None) -> Answer:
    """Make an answer that says something else than what happened, in the gateway's words."""
    texts = {
        400: f"{_NOT_READ}: made up by the conformance kit",
        413: f"{_NOT_READ}: it is larger than {MOST_BYTES} bytes",
        429: "Too Many Requests",
    }
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return message(status, texts.get(status, "there was an error handling your request"), **headers)


def read(body: bytes) -> Punch | str:
    """Read a body; say what is wrong where it is no punch."""
    try:
        return parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except NotAPunch as error:
        return error.detail


class Api:
    """Answers as the stack does."""

    def __init__(self, key: str | None) -> None:
        """Takes the API key to admit; None: any."""
        self._key = key
        self._accepted: set[str] = set()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request.

        Args:
            method: HTTP's.
            path: below the API's address, "/ponto".
            headers: names in lower case.
            body: of the request.
        """
        if method == "OPTIONS":
            return Answer(204, PREFLIGHT, b"")
        if path != "/ponto" and not _is_receipt(path):
            return message(403, "Missing Authentication Token")  # so says the gateway of an address that it lacks
        key = headers.get("x-api-key", "")
        if not key or (self._key is not None and key != self._key):
            return message(403, "Forbidden")
        if receipt := _is_receipt(path):
            return self._receipt(receipt[1]) if method == "GET" else message(403, "Missing Authentication Token")
        return self._punch(headers, body) if method == "POST" else message(403, "Missing Authentication Token")

    def _punch(self, headers: Mapping[str, str], body: bytes) -> Answer:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return message(415, "Unsupported Media Type")
        found = read(body)
        if isinstance(found, str):
            return message(400, f"{_NOT_READ}: {found}")
        if len(body) > MOST_BYTES:
            return message(413, f"{_NOT_READ}: it is larger than {MOST_BYTES} bytes")
        self._accepted.add(found.id)
        text = json.dumps({"message": "accepted", "messageId": str(uuid.uuid4())})
        return Answer(202, {"content-type": "application/json", **CORS}, text.encode())

    def _receipt(self, id_: str) -> Answer:
        if id_ not in self._accepted:
            return message(404, "there is no row of this punch: it waits, or was never sent", retry_after="5")
        text = json.dumps({"situacao": "gravada", "id": id_})
        return Answer(200, {"content-type": "application/json", **CORS}, text.encode())
