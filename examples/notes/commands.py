"""The slice's command of `ponto`. Every command imports this file, and only `ponto notes` imports the command."""

from typing import TYPE_CHECKING

from tools.kit.commands import LazyCommand

if TYPE_CHECKING:
    import click


def _notes() -> "click.Command":
    from slices.notes.command import notes

    return notes


COMMANDS = {"notes": LazyCommand(_notes, "List notes.", "ponto notes                      notes")}
