"""`ponto report timecard`: every day of a month, its punches, and the totals."""

from datetime import date
from itertools import chain

from tools.report import as_csv, as_html, as_json, as_text, employees, figures, period
from tools.report.output import Output
from tools.report.queries import Employees, Reports


def write(reports: Reports, output: Output, month: date, asked: Employees) -> int:
    """Write the time cards of a month.

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
    generated = figures.generated(now, language)
    have_punched = employees.have_punched(reports, month, asked)
    cards = reports.cards(month, asked)
    if asked is not None:
        found = list(cards)
        employees.require_known(asked, (card.totais.usuario_id for card in found), month)
        cards = iter(found)
    with output.opened() as out:
        if output.format == "csv" and asked is None:
            as_csv.days(out, output.counted(reports.days(month), "days"), output.separator)
            return 0
        cards = output.counted(cards, "time cards")
        if output.format == "csv":
            as_csv.days(out, chain.from_iterable(card.dias for card in cards), output.separator)
        elif output.format == "html":
            as_html.cards(out, cards, language.month(month), generated, language)
        elif output.format == "text":
            as_text.Printer(out, language).cards(cards, generated)
        elif asked is not None and len(asked) == 1:
            as_json.card(out, next(cards), now.isoformat(timespec="seconds"))
        else:
            as_json.cards(out, cards, now.isoformat(timespec="seconds"))
    return employees.status(asked, month, have_punched=have_punched)
