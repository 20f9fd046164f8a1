"""The slice's command of `ponto`."""

from typing import TYPE_CHECKING

from tools.kit.commands import LazyCommand

if TYPE_CHECKING:
    import click


def _import_file() -> "click.Command":
    from slices.imports.command import import_file

    return import_file


COMMANDS = {
    "import": LazyCommand(
        _import_file,
        "Import a file of punches.",
        "ponto import october.csv         punches of a file, through the stage's bucket",
    )
}
