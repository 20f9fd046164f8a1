"""The slice's command of `ponto`."""

from typing import TYPE_CHECKING

from tools.kit.commands import LazyCommand

if TYPE_CHECKING:
    import click


def _requests() -> "click.Command":
    from slices.requests.command import requests

    return requests


COMMANDS = {
    "requests": LazyCommand(
        _requests,
        "List, accept and refuse the employees' requests for corrections.",
        "ponto requests list --waiting    who asks for which correction, and why",
    )
}
