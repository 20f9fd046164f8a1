"""The slice's command of `ponto`."""

from tools.kit.commands import LazyCommand

COMMANDS = {
    "correct": LazyCommand(
        "slices.corrections.command:correct",
        "Add forgotten punches, and disregard wrong ones.",
        "ponto correct list --month 2026-11   who added or disregarded which punches, and why",
    )
}
