"""Every command of `ponto` in a line: what it does, and what its exit statuses mean, as its help has them."""

import re
from collections.abc import Iterator

import click

from tools import cli

_STATUS = re.compile(r"^exit status: (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def table() -> str:
    """Give the table of commands for a document."""
    rows = [f"| `{name}` | {text} | {status} |" for name, text, status in _commands("ponto", cli.ponto)]
    return "\n".join(["| command | what it does | exit status |", "|---|---|---|", *rows])


def _commands(name: str, command: click.Command, inherited: str = "") -> Iterator[tuple[str, str, str]]:
    own = _STATUS.search(getattr(command, "epilog", None) or "")
    status = " ".join(own[1].split()) if own else inherited
    if isinstance(command, click.Group):
        for other, each in sorted(command.commands.items()):
            yield from _commands(f"{name} {other}", each, status)
    elif command.help:
        yield name, command.get_short_help_str(limit=200), status
