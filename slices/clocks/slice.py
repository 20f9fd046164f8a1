"""The slice `clocks`: the AFD format of hardware clocks' files, and the command that loads the table of documents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.imports.slice import FileFormatSlice

if TYPE_CHECKING:
    import click

    from slices.imports.file_formats import FileFormat
    from tools.kit.commands import LazyCommand


class Clocks(FileFormatSlice):
    """Import of hardware clocks' files."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto load documents`."""
        from tools.kit.commands import LazyCommand

        def load_command() -> "click.Command":
            from slices.clocks.command import load_documents

            return load_documents

        return {
            "load documents": LazyCommand(
                load_command,
                "Load a table that maps CPF or PIS numbers to employees.",
                "ponto load documents documents.csv   employees' CPF or PIS numbers, for clocks' files",
            )
        }

    def file_format(self) -> "FileFormat":
        """Return the module of the AFD format."""
        from slices.clocks import file_format

        return file_format


SLICE = Clocks()
