"""A command of `ponto` in a line: what it does, and what its exit statuses mean, as its help has them."""

import re
from collections.abc import Iterable, Iterator

import click

from slices import enabled
from tools import cli

_STATUS = re.compile(r"^exit status: (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def table() -> str:
    """Give the table of the reference's commands for a document."""
    brought = {f"ponto {name}" for each in enabled.load().values() for name in each.commands()}
    return _table(row for row in leaves("ponto", cli.ponto) if not _is_of(brought, row[0]))


def table_of(name: str) -> str:
    """Give the same of a slice's commands."""
    brought = {f"ponto {command}" for command in enabled.load()[name].commands()}
    return _table(row for row in leaves("ponto", cli.ponto) if _is_of(brought, row[0]))


def _is_of(brought: set[str], name: str) -> bool:
    return any(name == each or name.startswith(f"{each} ") for each in brought)


def _table(found: Iterable[tuple[str, str, str]]) -> str:
    rows = [f"| `{name}` | {text} | {status} |" for name, text, status in found]
    return "\n".join(["| command | what it does | exit status |", "|---|---|---|", *rows])


def leaves(name: str, command: click.Command, inherited: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield each command that is no group: its name, what it does, and its exit statuses."""
    own = _STATUS.search(getattr(command, "epilog", None) or "")
    status = " ".join(own[1].split()) if own else inherited
    if isinstance(command, click.Group):
        for other, each in sorted(command.commands.items()):
            yield from leaves(f"{name} {other}", each, status)
    elif command.help:
        yield name, command.get_short_help_str(limit=200), status
