"""The slice `imports`, and the base class of slices that add a file format to it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slices.definition import Slice

if TYPE_CHECKING:
    import click

    from slices.imports.file_formats import FileFormat
    from tools.kit.commands import LazyCommand
    from tools.kit.dead_letters import DeadLetterEvent


class FileFormatSlice(Slice):
    """A slice that adds a file format to imports."""

    def file_format(self) -> "FileFormat":
        """Return the file format."""
        raise NotImplementedError


class Imports(Slice):
    """Import of punches from files."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto import`."""
        from tools.kit.commands import LazyCommand

        def import_file() -> "click.Command":
            from slices.imports.command import import_file

            return import_file

        return {
            "import": LazyCommand(
                import_file,
                "Import a file of punches.",
                "ponto import october.csv         punches of a file, through the stage's bucket",
            )
        }

    def dead_letter_event(self) -> "DeadLetterEvent":
        """Return how dead letters of failed imports are described."""
        from tools.kit.dead_letters import DeadLetterEvent

        def describe(event: Any) -> str | None:
            from slices.imports import dead_letters

            return dead_letters.describe_event(event)

        return DeadLetterEvent("file", "importacao", describe)


SLICE = Imports()
