"""Of whom a report is, and what is said where they have not punched."""

from collections.abc import Iterable
from datetime import date

from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.report.period import last_of
from tools.report.queries import Employees, Reports


def name(employees: Employees) -> str:
    """Name those who did not punch, as the subject of a sentence."""
    return "none of the employees asked for" if employees else "nobody"


def require_punches(reports: Reports, first: date, last: date, employees: Employees) -> None:
    """Refuse a report on working days on which nobody punched, before its file is begun.

    Raises:
        CommandError: there is no punch.
    """
    if not reports.has_punches(first, last, employees):
        raise CommandError(f"{name(employees)} punched from {first} to {last}", 1)


def have_punched(reports: Reports, month: date, employees: Employees) -> bool:
    """Tell whether one of the employees punched in a month.

    Raises:
        CommandError: the report is to be on everybody, and nobody did.
    """
    found = reports.has_punches(month, last_of(month), employees)
    if not found and employees is None:
        raise CommandError(f"nobody punched in {month:%Y-%m}", 1)
    return found


def require_known(employees: Employees, found: Iterable[int], month: date) -> None:
    """Refuse a report on employees of whom nothing is known, before its file is begun.

    Args:
        employees: who were asked for.
        found: the numbers of those of whom there is something.
        month: of the report.

    Raises:
        CommandError: there is nothing of one of them.
    """
    for employee in sorted(set(employees or []) - set(found)):
        raise CommandError(
            f"employee {employee} has no punches in {month:%Y-%m}, and is not among the loaded employees", 1
        )


def status(employees: Employees, month: date, *, have_punched: bool) -> int:
    """Give the exit status of a report on a month; where it is on loaded employees without punches, print that."""
    if have_punched:
        return 0
    print_status(f"ponto: {name(employees)} punched in {month:%Y-%m}")
    return 1
