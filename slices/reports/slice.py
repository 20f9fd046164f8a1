"""What reports add: commands, statements, hooks of the function `schema`, and notes of a trace."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slices.definition import Slice

if TYPE_CHECKING:
    from datetime import date

    import click
    import psycopg2.extensions

    from ponto.admin.actions import SchemaHooks
    from ponto.reader.statements import Catalogue
    from tools.kit.commands import LazyCommand
    from tools.kit.reader import Statement
    from tools.kit.trace_notes import TraceNotes


class ReportsExtension(Slice):
    """A slice that adds to what commands of reports do."""

    def person_statements(self) -> "Sequence[Statement[Any]]":
        """Return statements that return all rows of an employee, for `ponto person`."""
        return ()

    def correct_demo(
        self,
        cursor: "psycopg2.extensions.cursor",  # noqa: ARG002
        numbers: tuple[int, int],  # noqa: ARG002
        last: "date",  # noqa: ARG002
    ) -> int:
        """Correct days of the company that `ponto demo` makes up; return how many.

        Args:
            cursor: of the transaction that makes it up.
            numbers: of the first and the last employee.
            last: day of the month to correct.
        """
        return 0


class Reports(Slice):
    """Local time, working days, time cards, exceptions, employees."""

    def commands(self) -> "Mapping[str, LazyCommand]":
        """Return `ponto demo`, `load employees`, `person` and `report`."""
        from tools.kit.commands import LazyCommand

        def demo() -> "click.Command":
            from slices.reports.demo.command import demo

            return demo

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
            "demo": LazyCommand(
                demo,
                "A made-up company's punches, to try the reports on.",
                "ponto demo                       a made-up company, to try the reports on",
                "a made-up company; then ponto report --help",
            ),
            "load employees": LazyCommand(
                load_employees,
                "Give the reports the employees' names, time zones and cut-offs.",
                "ponto load employees staff.csv   names, time zones and cut-offs for the reports",
            ),
            "person": LazyCommand(
                person,
                "All that is kept about an employee, as json and as a page.",
                "ponto person 123 --output folder   all that is kept about an employee",
            ),
            "report": LazyCommand(
                report,
                "Time cards, totals, exceptions, changes, gaps, the peak.",
                "ponto report timecard --employee 123 --month 2026-11",
            ),
        }

    def statements(self) -> "Catalogue":
        """Return the statements of `reads`."""
        from slices.reports.statements import STATEMENTS

        return STATEMENTS

    def schema_hooks(self) -> "SchemaHooks":
        """Return what stores the employer and employees."""
        from slices.reports.schema_hooks import HOOKS

        return HOOKS

    def trace_notes(self) -> "TraceNotes":
        """Return notes of the employee's working day and local time."""
        from slices.reports.trace_notes import NOTES

        return NOTES


SLICE = Reports()
