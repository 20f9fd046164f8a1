"""The corrections slice: its commands, statements and hooks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slices.reports.slice import ReportsExtension

if TYPE_CHECKING:
    import click

    from ponto.reader.statements import Catalogue
    from tools.kit.commands import LazyCommand
    from tools.kit.reader import Statement
    from tools.kit.trace_notes import TraceNotes


class CorrectionsSlice(ReportsExtension):
    """Adds `ponto correct` and notes of `ponto trace`."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto correct`."""
        from tools.kit.commands import LazyCommand

        def correct() -> "click.Command":
            from slices.corrections.command import correct

            return correct

        return {
            "correct": LazyCommand(
                correct,
                "Add forgotten punches, and disregard wrong ones.",
                "ponto correct list --month 2026-11   who added or disregarded which punches, and why",
            )
        }

    def statements(self) -> "Catalogue":
        """Return the statements of `reads/`."""
        from slices.corrections.statements import STATEMENTS

        return STATEMENTS

    def trace_notes(self) -> "TraceNotes":
        """Return notes about corrections."""
        from slices.corrections.trace_notes import NOTES

        return NOTES

    def person_statements(self) -> "Sequence[Statement[Any]]":
        """Return the statement that reads an employee's corrections."""
        from slices.corrections.rows import PERSON_CORRECTIONS

        return [PERSON_CORRECTIONS]


SLICE = CorrectionsSlice()
