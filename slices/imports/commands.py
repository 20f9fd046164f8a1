"""The slice's command of `ponto`."""

from tools.kit.commands import LazyCommand

COMMANDS = {
    "import": LazyCommand(
        "slices.imports.command:import_file",
        "Import a file of punches.",
        "ponto import october.csv         punches of a file, through the stage's bucket",
    )
}
