"""Manifest of the slice: its commands, statements, hooks of the function `schema`, and notes for `ponto trace`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slices.definition import Slice

if TYPE_CHECKING:
    import click

    from ponto.admin.actions import SchemaHooks
    from ponto.reader.statements import Catalogue
    from tools.kit.commands import LazyCommand
    from tools.kit.reader import Statement
    from tools.kit.trace_notes import TraceNotes


class ReportsExtension(Slice):
    """A slice that extends `ponto person`."""

    def person_statements(self) -> "Sequence[Statement[Any]]":
        """Return statements that select all rows of an employee, for `ponto person`."""
        return ()


class ReportsSlice(Slice):
    """Slice with local time, working days, time cards, exceptions and employees."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto load employees`, `person` and `report`."""
        from tools.kit.commands import LazyCommand

        def load_employees() -> "click.Command":
            from slices.reports.load.command import load_employees

            return load_employees

        def person() -> "click.Command":
            from slices.reports.person import person

            return person

        def report() -> "click.Command":
            from slices.reports.report.command import report

            return report

        return {
            "load employees": LazyCommand(
                load_employees,
                "Store the employees' names, time zones and cut-offs for the reports.",
                "ponto load employees staff.csv   names, time zones and cut-offs for the reports",
            ),
            "person": LazyCommand(
                person,
                "Write the data stored about an employee as JSON and as a page.",
                "ponto person 123 --output folder   all data stored about an employee",
            ),
            "report": LazyCommand(
                report,
                "Print time cards, totals and other reports.",
                "ponto report timecard --employee 123 --month 2026-11",
            ),
        }

    def statements(self) -> "Catalogue":
        """Return the statements of the folder `reads`."""
        from slices.reports.statements import STATEMENTS

        return STATEMENTS

    def schema_hooks(self) -> "SchemaHooks":
        """Return the hooks that store the employer and employees."""
        from slices.reports.schema_hooks import HOOKS

        return HOOKS

    def trace_notes(self) -> "TraceNotes":
        """Return notes about the employee's working day and local time."""
        from slices.reports.trace_notes import NOTES

        return NOTES


SLICE = ReportsSlice()
