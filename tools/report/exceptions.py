"""`ponto report exceptions`: what somebody should look at, and punches that were not stored."""

from datetime import date, timedelta

from tools.kit.database import Where
from tools.kit.output import print_status
from tools.report import as_csv, as_html, as_json, as_text, dead_letters, employees, figures, period
from tools.report.dead_letters import Queue, Unread
from tools.report.output import Output
from tools.report.queries import Employees, Limits, Reports


def write(
    reports: Reports,
    output: Output,
    month: date | None,
    first: date | None,
    last: date | None,
    asked: Employees,
    limits: Limits,
    queue: Queue | None,
    where: Where,
) -> int:
    """Write the exceptions of working days, and the dead letters beside them.

    Args:
        reports: where they come from.
        output: how and where they are written.
        month: its first day; None: `first` and `last` say which days.
        first: working day from which on; see `period.days`.
        last: the last day.
        asked: of these employees only; None: everybody.
        limits: what an exception is.
        queue: of the dead letters; None: it is left alone.
        where: the database, whose local stack may have the queue.

    Returns:
        The exit status: 1 where the queue could not be read.

    Raises:
        CommandError: nobody punched.
    """
    language = output.language
    now = period.now(reports.zone())
    first, last = period.days(month, first, last, now.date())
    groups = dead_letters.read(queue, where, asked)
    found = reports.exceptions(first, last, limits, asked, in_sum=output.format in ("text", "html"))
    if not found.counts and (isinstance(groups, Unread) or not groups):
        employees.require_punches(reports, first, last, asked)
    found = found._replace(each=output.counted(found.each, "exceptions"))
    with output.opened() as out:
        lines = [
            language.word("report", "period", language.date(first), language.date(last)),
            language.word(
                "exceptions",
                "limits",
                *(language.span(value) if isinstance(value, timedelta) else value for value in limits),
            ),
            figures.generated(now, language),
        ]
        if output.format == "csv":
            as_csv.exceptions(out, found.each, [] if isinstance(groups, Unread) else groups, output.separator)
        elif output.format == "html":
            as_html.exceptions(out, lines, found.counts, found.each, groups, language)
        elif output.format == "text":
            printer = as_text.Printer(out, language)
            printer.heading(language.word("exceptions", "title"), *lines)
            printer.exceptions(found, groups)
        else:
            head = {
                "de": first.isoformat(),
                "ate": last.isoformat(),
                "usuarios": asked,
                "limites": as_json.limits(limits),
                "gerado_em": now.isoformat(timespec="seconds"),
            }
            as_json.exceptions(out, head, found.counts, found.each, groups)
    if isinstance(groups, Unread) and groups.why:
        print_status(f"ponto: the dead-letter queue was not read: {groups.why}")
        return 1
    return 0
