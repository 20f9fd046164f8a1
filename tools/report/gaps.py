"""`ponto report gaps`: numbers of devices that are missing, and those that came twice."""

from datetime import date

from tools.report import as_csv, as_json, figures, period
from tools.report.output import Output
from tools.report.queries import Reports


def write(
    reports: Reports, output: Output, month: date | None, first: date | None, last: date | None, *, ever: bool
) -> None:
    """Write what is missing or came twice.

    Args:
        reports: where they come from.
        output: how and where they are written.
        month: its first day; None: `first` and `last` say which days.
        first: day of receipt from which on; see `period.days`.
        last: the last day.
        ever: of all that there ever was, instead of some days.
    """
    language = output.language
    zone = reports.zone()
    now = period.now(zone)
    if ever:
        first, last = None, None
    else:
        first, last = period.days(month, first, last, now.date())
    rows = reports.gaps(first, last)
    if output.format == "csv":
        with output.opened() as out:
            as_csv.gaps(out, output.counted(rows, "gaps"), output.separator)
    elif output.format == "json":
        head = {
            "de": first and first.isoformat(),
            "ate": last and last.isoformat(),
            "gerado_em": now.isoformat(timespec="seconds"),
        }
        with output.opened() as out:
            as_json.gaps(out, head, output.counted(rows, "gaps"))
    else:
        found = list(rows)
        days = [language.word("report", "period", language.date(first), language.date(last))] if first and last else []
        lines = [*days, figures.generated(now, language)]
        cells = (figures.gap_cells(gap, zone, language) for gap in found)
        note = language.word("gaps", "note" if found else "none")
        output.write_table(language.word("gaps", "title"), lines, figures.GAPS, cells, [note])
