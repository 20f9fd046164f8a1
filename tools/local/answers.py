"""Answers of the API that the emulator cannot render: `gaps.py` leaves marks in them, which the guard replaces.

AWS renders both by itself, from `resources/api.yml`.
"""

import html
import json
import re
import urllib.parse
from datetime import UTC
from typing import Any, NamedTuple

from ponto.punch import NotAPunch, parse

FINDING = "$local.finding"
"""Stands in a refusal of the validator for what it found."""

_BRANCHES = "localBranches"
ERROR = "$util.urlEncode($input.body)"
"""SQS's own answer, which is XML here and JSON on AWS."""


class Branch(NamedTuple):
    """A case of a response template that overrides the status."""

    code: str  # SQS's
    within: str  # what its words must hold; "" for any
    status: int
    text: str  # the answer's body


_if = re.compile(
    r"#(?:else)?if\(\$code == '(?P<code>\w+)'(?: && \$reason\.contains\('(?P<within>[^']+)'\))?\)\s*"
    r"#set\(\$context\.responseOverride\.status = (?P<status>\d+)\)\s*"
    r"(?P<text>\{.*\})"
)


def without_conditions(template: str) -> str:
    """Write a template that the emulator can render: what the branches need, for `complete` to choose one.

    Args:
        template: a response template of `resources/api.yml` with #if, #elseif and #else.

    Raises:
        ValueError: it has other conditions than those that are known here.
    """
    branches = [
        Branch(found["code"], found["within"] or "", int(found["status"]), found["text"])
        for found in _if.finditer(template)
    ]
    otherwise = template.partition("#else\n")[2].partition("#end")[0].strip()
    if len(branches) != template.count("if(") or not otherwise:
        raise ValueError(f"a condition that tools/local/answers.py does not know:\n{template}")
    return json.dumps({_BRANCHES: branches, "otherwise": otherwise, "error": ERROR})


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
    if _BRANCHES in text:
        return _chosen(json.loads(text))
    return status, answer


def _chosen(found: dict[str, Any]) -> tuple[int, bytes]:
    error = html.unescape(urllib.parse.unquote_plus(found["error"]))
    for branch in (Branch(*each) for each in found[_BRANCHES]):
        if f"<Code>{branch.code}</Code>" in error and branch.within in error:
            return branch.status, branch.text.encode()
    return 500, str(found["otherwise"]).encode()


def _finding(body: bytes) -> str:
    """Name the field and the rule that a body breaks."""
    try:
        parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except NotAPunch as error:
        return error.detail
    return "it does not match ponto/punch.schema.json"
