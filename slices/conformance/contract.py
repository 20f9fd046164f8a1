"""The API's answers without a stack, by ponto's own rules: what a client sees, and nothing is stored but ids."""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ponto import receipt
from ponto.punch import NotAPunch, Punch, parse

MOST_BYTES = 65_536
"""Of a body: what the queue takes, `maximumMessageSize` in resources/queues.yml."""

CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": receipt.EXPOSED}
"""On every answer, or a browser's page sees no status."""

PREFLIGHT = {
    **CORS,
    "access-control-allow-methods": "GET,POST,OPTIONS",
    "access-control-allow-headers": "Authorization,Content-Type,X-Api-Key",
    "access-control-max-age": "3600",
}

_receipt_of = re.compile("/ponto/([^/]+)").fullmatch
_is_random = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_NOT_READ = "there is an error in your request"
_TOO_LARGE = f"{_NOT_READ}: it is larger than {MOST_BYTES} bytes"


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
    return _json(status, {"message": text}, **headers)


def made_up(status: int, retry_after: int | None = None) -> Answer:
    """Make an answer that says something else than what happened, in the gateway's words."""
    texts = {
        400: f"{_NOT_READ}: made up by the conformance kit",
        413: _TOO_LARGE,
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
    """Answers as the stack does, without a user pool."""

    def __init__(self, key: str | None) -> None:
        """Takes the API key to admit; None: any."""
        self._key = key
        self._accepted: dict[str, tuple[Punch, datetime]] = {}  # by id: the first punch, and when it came

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request.

        Args:
            method: HTTP's.
            path: below the API's address, "/ponto".
            headers: names in lower case.
            body: of the request.
        """
        asked = _receipt_of(path)
        if (path, method) == ("/ponto", "OPTIONS") or (asked and method == "OPTIONS"):
            return Answer(204, PREFLIGHT, b"")
        if not (method == "GET" and (asked or path == "/ponto")) and (path, method) != ("/ponto", "POST"):
            return message(403, "Missing Authentication Token")  # so says the gateway of what it does not have
        key = headers.get("x-api-key", "")
        if not key or (self._key is not None and key != self._key):
            return message(403, "Forbidden")
        if method == "GET":
            return self._receipt(asked[1].lower()) if asked else message(404, receipt.NO_LIST, cache_control="no-store")
        return self._punch(headers, body)

    def _punch(self, headers: Mapping[str, str], body: bytes) -> Answer:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return message(415, "Unsupported Media Type")
        found = read(body)
        if isinstance(found, str):
            return message(400, f"{_NOT_READ}: {found}")
        if len(body) > MOST_BYTES:
            return message(413, _TOO_LARGE)
        self._accepted.setdefault(found.id, (found, datetime.now(UTC)))
        return _json(202, {"message": "accepted", "messageId": str(uuid.uuid4())})

    def _receipt(self, id_: str) -> Answer:
        if id_ not in self._accepted or not _is_random(id_):
            return message(404, receipt.NOT_FOUND, retry_after=str(receipt.NOT_FOUND_S), cache_control="no-store")
        punch, received = self._accepted[id_]
        row = {
            "situacao": "gravada",
            "id": id_,
            "usuarioId": punch.usuario_id,
            "ponto": _instant(punch.ponto),
            "recebidaEm": _instant(received),
            "gravadaEm": _instant(received),
        }
        return _json(200, row, cache_control="no-store")


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json(status: int, body: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json", **CORS, **named}, json.dumps(body).encode())
