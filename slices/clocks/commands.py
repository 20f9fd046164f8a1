"""The slice's command of `ponto`."""

from tools.kit.commands import LazyCommand

COMMANDS = {
    "load documents": LazyCommand(
        "slices.clocks.command:load_documents",
        "Load a table that maps CPF or PIS numbers to employees.",
        "ponto load documents documents.csv   employees' CPF or PIS numbers, for clocks' files",
    )
}
