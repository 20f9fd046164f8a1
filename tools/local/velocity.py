"""Mapping templates of API Gateway, rendered: Velocity, and the two objects that need more than a dictionary."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote_plus

import airspeed  # type: ignore[import-untyped]


class Util:
    """$util, as far as the templates use it."""

    def urlEncode(self, text: str) -> str:  # noqa: N802  API Gateway's name
        """Write a text as the value of a form."""
        return quote_plus(text)


class Input:
    """$input, as far as the templates use it."""

    def __init__(self, body: str) -> None:
        self.body = body

    def path(self, path: str) -> Any:
        """Return the value at a path of the body, which is JSON, or None."""
        value = json.loads(self.body)
        for name in path.removeprefix("$.").split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value


_parse = cache(airspeed.Template)


def render(template: str, variables: Mapping[str, object]) -> str:
    """Render a template; what it sets in a dictionary of the variables, which are named without $, stays there."""
    return str(_parse(template).merge(variables))
