"""Manifest of the slice notes: a command and a statement.

Every command imports this file. So the methods import other modules only when they are called.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from slices.definition import Slice

if TYPE_CHECKING:
    import click

    from ponto.reader.statements import Catalogue
    from tools.kit.commands import LazyCommand


class Notes(Slice):
    """Slice that lists notes."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto notes`."""
        from tools.kit.commands import LazyCommand

        def notes() -> "click.Command":
            from slices.notes.rows import notes

            return notes

        return {"notes": LazyCommand(notes, "List notes.", "ponto notes                      notes")}

    def statements(self) -> "Catalogue":
        """Return the statements of `reads`, with the types of their parameters."""
        from ponto.reader.statements import Catalogue, read_folder

        return Catalogue(read_folder(Path(__file__).parent / "reads"), {"notes": {}})


SLICE = Notes()
