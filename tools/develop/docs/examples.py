"""Examples of requests and responses in the documents, from the declaration of the event."""

import json
import shlex
from typing import Any

from ponto.punch import EVENT

_ID = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e"


def body() -> dict[str, Any]:
    """Return the body of a punch, with an id."""
    return {"id": _ID, **EVENT.examples[0]}


def refusal() -> str:
    """Return the message of the gateway about a body without the instant."""
    return f'there is an error in your request: [object has missing required properties (["{_instant()}"])]'


def json_block() -> str:
    """Return the body of a punch as a fenced block."""
    return f"```json\n{_to_json(body())}\n```"


def request_block() -> str:
    """Return a command that sends a punch to a stage, as a fenced block."""
    headers = """-H "x-api-key: <the key>" -H 'content-type: application/json'"""
    return f"```sh aws\ncurl -sS <URL> {headers} \\\n    -d {shlex.quote(_to_json(body()))}\n```"


def _instant() -> str:
    return EVENT.fields[EVENT.instant].name


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
