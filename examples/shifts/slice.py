"""Manifest of the slice shifts: a command and a statement.

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


class Shifts(Slice):
    """Slice that lists shifts."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto shifts`."""
        from tools.kit.commands import LazyCommand

        def shifts() -> "click.Command":
            from slices.shifts.rows import shifts

            return shifts

        return {"shifts": LazyCommand(shifts, "List shifts.", "ponto shifts                      shifts")}

    def statements(self) -> "Catalogue":
        """Return the statements of `reads`, with the types of their parameters."""
        from ponto.reader.statements import Catalogue, read_folder

        return Catalogue(read_folder(Path(__file__).parent / "reads"), {"shifts": {}})


SLICE = Shifts()
