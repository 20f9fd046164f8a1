"""Mapping templates of API Gateway, rendered: Velocity, and the one object that needs more than a dictionary."""

from collections.abc import Mapping
from typing import Any

import airspeed  # type: ignore[import-untyped]


class Input:
    """$input, as far as the templates use it."""

    def __init__(self, body: Any) -> None:
        """Takes the body: a text, or what its JSON says."""
        self.body = body

    def path(self, path: str) -> Any:
        """Give what is there in the body, or None."""
        value = self.body
        for name in path.removeprefix("$.").split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value


def render(template: str, variables: Mapping[str, object]) -> str:
    """Render a template.

    Args:
        template: in Velocity.
        variables: by their names, without $. What a template sets in a dictionary of theirs stays there.
    """
    return str(airspeed.Template(template).merge(variables))
