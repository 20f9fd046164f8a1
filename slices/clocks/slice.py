"""What clocks add: a form of file, and the command that loads its table of documents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.imports.slice import FileFormatSlice

if TYPE_CHECKING:
    import click

    from slices.imports.file_formats import FileFormat
    from tools.kit.commands import LazyCommand


class Clocks(FileFormatSlice):
    """Files that hardware clocks keep."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto load documents`."""
        from tools.kit.commands import LazyCommand

        def load_documents() -> "click.Command":
            from slices.clocks.command import load_documents

            return load_documents

        return {
            "load documents": LazyCommand(
                load_documents,
                "Say whose a CPF or PIS is, for files of hardware clocks.",
                "ponto load documents documents.csv   which employee has a CPF or PIS, for clocks' files",
            )
        }

    def file_format(self) -> "FileFormat":
        """Return the form of AFD files."""
        from slices.clocks import file_format

        return file_format


SLICE = Clocks()
