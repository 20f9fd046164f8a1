"""The slice's commands of `ponto`."""

from typing import TYPE_CHECKING

from tools.kit.commands import LazyCommand

if TYPE_CHECKING:
    import click


def _load_employees() -> "click.Command":
    from slices.reports.load.command import load_employees

    return load_employees


def _person() -> "click.Command":
    from slices.reports.person import person

    return person


def _report() -> "click.Command":
    from slices.reports.report.command import report

    return report


COMMANDS = {
    "load employees": LazyCommand(
        _load_employees,
        "Store the employees' names, time zones and cut-offs for the reports.",
        "ponto load employees staff.csv   names, time zones and cut-offs for the reports",
    ),
    "person": LazyCommand(
        _person,
        "Write the data stored about an employee as JSON and as a page.",
        "ponto person 123 --output folder   all data stored about an employee",
    ),
    "report": LazyCommand(
        _report,
        "Print time cards, totals and other reports.",
        "ponto report timecard --employee 123 --month 2026-11",
    ),
}
