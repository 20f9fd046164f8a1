"""The slice's command of `ponto`."""

from typing import TYPE_CHECKING

from tools.kit.commands import LazyCommand

if TYPE_CHECKING:
    import click


def _correct() -> "click.Command":
    from slices.corrections.command import correct

    return correct


COMMANDS = {
    "correct": LazyCommand(
        _correct,
        "Add forgotten punches, and disregard wrong ones.",
        "ponto correct list --month 2026-11   who added or disregarded which punches, and why",
    )
}
