"""The slice's command of `ponto`."""

from typing import TYPE_CHECKING

from tools.kit.commands import LazyCommand

if TYPE_CHECKING:
    import click


def _load_documents() -> "click.Command":
    from slices.clocks.command import load_documents

    return load_documents


COMMANDS = {
    "load documents": LazyCommand(
        _load_documents,
        "Load a table that maps CPF or PIS numbers to employees.",
        "ponto load documents documents.csv   employees' CPF or PIS numbers, for clocks' files",
    )
}
