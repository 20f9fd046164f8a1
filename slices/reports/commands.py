"""The slice's commands of `ponto`."""

from tools.kit.commands import LazyCommand

COMMANDS = {
    "load employees": LazyCommand(
        "slices.reports.load.command:load_employees",
        "Store the employees' names, time zones and cut-offs for the reports.",
        "ponto load employees staff.csv   names, time zones and cut-offs for the reports",
    ),
    "person": LazyCommand(
        "slices.reports.person:person",
        "Write the data stored about an employee as JSON and as a page.",
        "ponto person 123 --output folder   all data stored about an employee",
    ),
    "report": LazyCommand(
        "slices.reports.report.command:report",
        "Print time cards, totals and other reports.",
        "ponto report timecard --employee 123 --month 2026-11",
    ),
}
