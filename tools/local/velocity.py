"""Rendering of API Gateway's mapping templates, which are in Velocity."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote_plus

import airspeed  # type: ignore[import-untyped]


class Util:
    """The part of $util that the templates use."""

    def urlEncode(self, text: str) -> str:  # noqa: N802  API Gateway's name
        """Encode a text for a URL or a form."""
        return quote_plus(text)


class Input:
    """The part of $input that the templates use."""

    def __init__(self, body: str) -> None:
        self.body = body

    def path(self, path: str) -> Any:
        """Return the value at a path of the JSON body; None if there is none."""
        value = json.loads(self.body)
        for name in path.removeprefix("$.").split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value


_parse = cache(airspeed.Template)


def render(template: str, variables: Mapping[str, object]) -> str:
    """Render a template. It may change dictionaries among the variables, whose names have no $."""
    return str(_parse(template).merge(variables))
