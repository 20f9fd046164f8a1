"""`ponto report totals`: the totals of a month, a row for each employee."""

from datetime import date

from tools.report import as_csv, as_json, employees, figures, period
from tools.report.output import Output
from tools.report.queries import Employees, Reports


def write(reports: Reports, output: Output, month: date, asked: Employees) -> int:
    """Write the totals of a month.

    Args:
        reports: where they come from.
        output: how and where they are written.
        month: its first day.
        asked: of these employees only; None: everybody.

    Returns:
        The exit status.

    Raises:
        CommandError: nobody punched, or nothing is known of somebody.
    """
    language = output.language
    now = period.now(reports.zone())
    have_punched = employees.have_punched(reports, month, asked)
    rows = list(reports.totals(month, asked))
    employees.require_known(asked, (one.usuario_id for one in rows), month)
    if output.format == "csv":
        with output.opened() as out:
            as_csv.totals(out, rows, output.separator)
    elif output.format == "json":
        head = {"mes": f"{month:%Y-%m}", "gerado_em": now.isoformat(timespec="seconds")}
        with output.opened() as out:
            as_json.totals(out, head, rows)
    else:
        title = f"{language.word('totals', 'title')}, {language.month(month)}"
        cells = (figures.totals_cells(one, language) for one in rows)
        notes = [language.word("timecard", "night") + ".", language.word("timecard", "certified")]
        output.write_table(title, [figures.generated(now, language)], figures.TOTALS, cells, notes)
    return employees.status(asked, month, have_punched=have_punched)
