"""`ponto report cutoffs`: cut-offs that split shifts, and better ones."""

from datetime import date

from tools.report import as_csv, as_json, employees, figures, period
from tools.report.output import Output
from tools.report.queries import Employees, Reports


def write(
    reports: Reports,
    output: Output,
    month: date | None,
    first: date | None,
    last: date | None,
    asked: Employees,
    *,
    everybody: bool,
) -> None:
    """Write the cut-offs of working days.

    Args:
        reports: where they come from.
        output: how and where they are written.
        month: its first day; None: `first` and `last` say which days.
        first: working day from which on; see `period.days`.
        last: the last day.
        asked: of these employees only, whatever their cut-off splits.
        everybody: whatever the cut-off splits.

    Raises:
        CommandError: nobody punched.
    """
    language = output.language
    now = period.now(reports.zone())
    first, last = period.days(month, first, last, now.date())
    employees.require_punches(reports, first, last, asked)
    at_least = figures.REGULARLY if asked is None and not everybody else 0
    rows = list(reports.cutoffs(first, last, asked, at_least))
    if output.format == "csv":
        with output.opened() as out:
            as_csv.cutoffs(out, rows, output.separator)
    elif output.format == "json":
        head = {
            "de": first.isoformat(),
            "ate": last.isoformat(),
            "usuarios": asked,
            "gerado_em": now.isoformat(timespec="seconds"),
        }
        with output.opened() as out:
            as_json.cutoffs(out, head, rows)
    else:
        lines = [
            language.word("report", "period", language.date(first), language.date(last)),
            figures.generated(now, language),
        ]
        cells = (figures.cutoff_cells(one, language) for one in rows)
        note = language.word("cutoffs", "note" if rows else "none")
        output.write_table(language.word("cutoffs", "title"), lines, figures.CUTOFFS, cells, [note])
