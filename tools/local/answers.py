"""Answers of the API that the emulator cannot render: `gaps.py` leaves marks in them, which the guard replaces.

AWS renders both by itself, from `resources/api.yml`.
"""

import base64
import json
import urllib.parse
from datetime import UTC
from xml.etree import ElementTree

from ponto.punch import NotAPunch, parse
from tools.local.velocity import Input, render

FINDING = "$local.finding"
"""Stands in a refusal of the validator for what it found."""

ERROR = "$util.urlEncode($input.body)"
"""SQS's own answer, which is XML here and JSON on AWS."""

_TEMPLATE = "localTemplate"


def deferred(template: str) -> str:
    """Write a template that the emulator can render: what `complete` needs to render this one.

    Args:
        template: a response template for SQS's refusals.
    """
    return json.dumps({_TEMPLATE: base64.b64encode(template.encode()).decode(), "error": ERROR})


def complete(status: int, answer: bytes, body: bytes) -> tuple[int, bytes]:
    """Replace the marks in an answer.

    Args:
        status: the answer's.
        answer: its body.
        body: the request's.

    Returns:
        The status and the body as AWS would have them. An answer without a mark is given back as it is.
    """
    text = answer.decode(errors="replace")
    if FINDING in text:
        return status, text.replace(FINDING, json.dumps(_finding(body))[1:-1]).encode()
    if _TEMPLATE in text:
        mark = json.loads(text)
        return _rendered(status, base64.b64decode(mark[_TEMPLATE]).decode(), urllib.parse.unquote_plus(mark["error"]))
    return status, answer


def _rendered(status: int, template: str, refusal: str) -> tuple[int, bytes]:
    elements = ElementTree.fromstring(refusal).iter()  # noqa: S314  the emulator wrote it
    error = {element.tag.rpartition("}")[2]: element.text for element in elements}
    override: dict[str, int] = {}
    text = render(template, {"input": Input({"Error": error}), "context": {"responseOverride": override}})
    return override.get("status", status), text.encode()


def _finding(body: bytes) -> str:
    """Name the field and the rule that a body breaks."""
    try:
        parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except NotAPunch as error:
        return error.detail
    return "it does not match ponto/punch.schema.json"
