"""The slice `clocks`: the file format of hardware clocks, and the command that loads the table of documents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.imports.slice import FileFormatSlice

if TYPE_CHECKING:
    import click

    from slices.imports.file_formats import FileFormat
    from tools.kit.commands import LazyCommand


class Clocks(FileFormatSlice):
    """Import of files of hardware clocks."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto load documents`."""
        from tools.kit.commands import LazyCommand

        def load_documents() -> "click.Command":
            from slices.clocks.command import load_documents

            return load_documents

        return {
            "load documents": LazyCommand(
                load_documents,
                "Load the table of employees by CPF or PIS, for files of hardware clocks.",
                "ponto load documents documents.csv   employees by CPF or PIS, for clocks' files",
            )
        }

    def file_format(self) -> "FileFormat":
        """Return the format of AFD files."""
        from slices.clocks import file_format

        return file_format


SLICE = Clocks()
