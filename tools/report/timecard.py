"""`ponto report timecard`: every day of a month, its punches, and the totals; a page of its own for each employee."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import click

from tools.kit.database import Where
from tools.kit.options import Instead
from tools.report import as_csv, as_html, as_json, card, i18n, options, period, totals
from tools.report.card import Card, Day
from tools.report.output import Output
from tools.report.queries import Employees, Reports
from tools.report.table import Column, Table


@options.command("timecard", "--employee 123 --month 2026-11")
@options.employees("Of this one; several times: of each, json as of --all.")
@click.option(
    "--all",
    cls=Instead,
    instead_of=("--employee",),
    one_of_them=True,
    expose_value=False,
    is_flag=True,
    show_default=False,
    help="Of everybody; json: a card a line (JSON Lines); csv: the days, and their totals by `report totals`.",
)
@options.month
@options.written
def command(where: Where, *, output: Output, employees: Employees, month: date) -> int:
    """Every day of a month, its punches, and the totals."""
    language = output.language
    with options.opened(where, output) as reports:
        cards = read(reports, month, employees)
        held = [] if employees is None else list(cards)  # they are few
        status = reports.require_known(month, employees, (one.totais.usuario_id for one in held))
        cards = output.counted(held or cards, "time cards")
        with output.opened() as out:
            if output.format == "csv":
                if employees is None:  # no need for their totals
                    days = output.counted(map(Day._make, reports.rows("cards", mes=month)), "days")
                else:
                    days = (day for one in cards for day in one.dias)
                as_csv.write(out, Table([Column(name) for name in Day._fields], days), output.separator)
            elif output.format == "json":
                indent = 2 if employees is not None and len(employees) == 1 else None
                for one in cards:
                    out.write(as_json.document(_fields(one, reports.made), indent) + "\n")
            elif output.format == "html":
                as_html.render(
                    out,
                    "timecard.html",
                    language,
                    cards=cards,
                    month=language.month(month),
                    generated=language.generated(reports.now),
                    card_of=card,
                    clock=i18n.clock,
                    cpf=i18n.whole,
                )
            else:
                card.print_cards(out, cards, language.generated(reports.now), language)
    return status


def read(reports: Reports, month: date, employees: Employees = None) -> Iterator[Card]:
    """Give the time cards of those of whom `totals.read` gives the totals."""
    rows = reports.rows("cards", mes=month) if employees is None else None
    for one in totals.read(reports, month, employees):
        of_one = rows or reports.rows("card", mes=month, usuario=one.usuario_id)
        days = [Day._make(next(of_one)) for _ in range(period.last_of(month).day)]
        if any(day.usuario_id != one.usuario_id for day in days):
            raise AssertionError(f"the days and the totals of employee {one.usuario_id} have parted")
        yield Card(month.replace(day=1), one, days)


def _fields(found: Card, generated: str) -> dict[str, Any]:
    sums = found.totais._asdict()
    employee = {name: sums.pop(name) for name in ("usuario_id", "nome", "cpf", "fuso")}
    days = [day._asdict() for day in found.dias]
    for day in days:
        del day["usuario_id"], day["nome"]
    return {"mes": f"{found.mes:%Y-%m}", "funcionario": employee, "dias": days, "totais": sums, "gerado_em": generated}
