"""Every command in a line: what it does, and what its exit statuses mean, as its help has them."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from tools import cli

_MAKEFILE = Path(__file__).parents[2] / "Makefile"


def commands() -> str:
    """Give a table of the commands of `ponto`."""
    rows = [f"| `{name}` | {text} | {status} |" for name, text, status in _commands("ponto", cli.ponto)]
    return "\n".join(["| command | | exit status |", "|---|---|---|", *rows])


def targets() -> str:
    """Give a table of the Makefile's targets."""
    found = re.findall(r"^([a-z-]+):.*## (.*)$", _MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)
    return "\n".join(["| target | |", "|---|---|", *(f"| `make {name}` | {text} |" for name, text in found)])


def _commands(name: str, command: click.Command, inherited: str = "") -> Iterator[tuple[str, str, str]]:
    own = re.search(r"^exit status: (.*)$", getattr(command, "epilog", None) or "", re.MULTILINE)
    status = own[1] if own else inherited
    if isinstance(command, click.Group):
        for other, each in sorted(command.commands.items()):
            yield from _commands(f"{name} {other}", each, status)
    else:
        yield name, command.get_short_help_str(limit=200), status
