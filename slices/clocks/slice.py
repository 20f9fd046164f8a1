"""What clocks add: a form of file, and the command that loads its table of documents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slices.imports.slice import FileFormatSlice

if TYPE_CHECKING:
    from slices.imports.forms import Form
    from tools.kit.commands import LazyCommand


class Clocks(FileFormatSlice):
    """Files that hardware clocks keep."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto load documents`."""
        from tools.kit.commands import LazyCommand

        return {
            "load documents": LazyCommand(
                "slices.clocks.command:load_documents",
                "Say whose a CPF or PIS is, for files of hardware clocks.",
                "ponto load documents documents.csv   which employee has a CPF or PIS, for clocks' files",
            )
        }

    def file_format(self) -> "Form":
        """Return the form of AFD files."""
        from slices.clocks import form

        return form


SLICE = Clocks()
