"""What imports add: a command, and events of files that Lambda gave up on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slices.definition import Slice

if TYPE_CHECKING:
    import click

    from slices.imports.file_formats import FileFormat
    from tools.kit.commands import LazyCommand
    from tools.kit.dead_letters import DeadLetterEvent


class FileFormatSlice(Slice):
    """A slice that adds a form of file to imports."""

    def file_format(self) -> "FileFormat":
        """Return the form."""
        raise NotImplementedError


class Imports(Slice):
    """Files of punches."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto import`."""
        from tools.kit.commands import LazyCommand

        def import_file() -> "click.Command":
            from slices.imports.command import import_file

            return import_file

        return {
            "import": LazyCommand(
                import_file,
                "Send a file's punches through the API; go on after a stop.",
                "ponto import october.csv         punches of a file, through the API",
            )
        }

    def dead_letter_event(self) -> "DeadLetterEvent":
        """Return the event of a file in the bucket."""
        from tools.kit.dead_letters import DeadLetterEvent

        def describe(event: Any) -> str | None:
            from slices.imports import dead_letters

            return dead_letters.describe_event(event)

        def restart(event: Any) -> Any:
            from slices.imports import dead_letters

            return dead_letters.restart_event(event)

        return DeadLetterEvent("file", "importacao", describe, restart)


SLICE = Imports()
