"""`ponto report timecard`: every day of a month, its punches, and the totals; a page of its own for each employee."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import chain, groupby, starmap
from operator import attrgetter
from typing import Any

import click

from slices.reports.employer import read as read_employer
from slices.reports.report import as_csv, as_html, as_json, card, i18n, options, period, queries
from slices.reports.report.card import Card, Day, Written
from slices.reports.report.i18n import Language
from slices.reports.report.output import Output
from slices.reports.report.queries import Employees, Reports
from slices.reports.report.table import Column, Table
from slices.reports.report.totals import Totals
from tools.kit.options import Instead, Kind
from tools.kit.reader import Rows, Where

_DAYS = ("cards", "corrections")  # the statements
_CARDS = ("totals", *_DAYS)


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
@click.option(
    "--employer",
    type=Kind("NAME, DOCUMENT", "no employer, like Padaria Sol Ltda., CNPJ 11.222.333/0001-81", read_employer),
    show_default=False,
    help="Who employs, with CNPJ or CPF (default: as the stage names it).",
)
@options.as_of
@options.written
def command(
    where: Where,
    *,
    output: Output,
    employees: Employees,
    month: date,
    employer: str | None,
    as_of: datetime | None,
) -> int:
    """Every day of a month, its punches, and the totals."""
    language = output.language
    with queries.reports(where, output, as_of) as reports:
        all_days = output.format == "csv" and employees is None  # no need for their totals
        found = reports.of_month(month, employees, *(_DAYS if all_days else _CARDS))
        cards = iter(()) if all_days else _cards(month, found.each)
        held = [] if employees is None else list(cards)  # they are few
        (has_punches,) = found.once
        status = queries.require_known(month, employees, (one.totais.usuario_id for one in held), has_punches)
        cards = output.counted(held or cards, "time cards", found.employees)
        named = "" if output.format == "csv" else employer or reports.employer
        with output.opened() as out:
            if output.format == "csv":
                if all_days:
                    rows = chain.from_iterable(starmap(_days, found.each))
                    of_all = found.employees and found.employees * period.last_of(month).day
                    days = output.counted(rows, "days", of_all)
                else:
                    days = (day for one in cards for day in one.dias)
                as_csv.write(out, Table([Column(name) for name in Day._fields], map(_for_csv, days)), output.separator)
            elif output.format == "json":
                indent = 2 if employees is not None and len(employees) == 1 else None
                for one in cards:
                    out.write(as_json.document(fields(one, reports, named), indent) + "\n")
            elif output.format == "html":
                as_html.render(
                    out,
                    "timecard.html",
                    language,
                    cards=cards,
                    month=language.month(month),
                    **beside(reports, named, language),
                )
            else:
                card.print_cards(out, cards, named, reports.as_of(language), reports.generated(language), language)
    return status


def read(reports: Reports, month: date, employees: Employees = None) -> Iterator[Card]:
    """Give the time cards of a month.

    Args:
        reports: where they come from.
        month: its first day.
        employees: who never punched and is not loaded has none.
    """
    return _cards(month, reports.of_month(month, employees, *_CARDS).each)


def beside(reports: Reports, employer: str, language: Language) -> dict[str, Any]:
    """Give what the template `cards.html` takes beside the cards."""
    return {
        "employer": employer,
        "as_of": reports.as_of(language),
        "generated": reports.generated(language),
        "card_of": card,
        "clock": i18n.clock,
        "cpf": i18n.whole,
    }


def _cards(month: date, ranges: Iterator[list[Rows]]) -> Iterator[Card]:
    for totals, rows, corrections in ranges:
        by_employee = groupby(_days(rows, corrections), attrgetter("usuario_id"))
        for one in map(Totals._make, totals):
            # Who was asked for and is unknown has days, and no totals.
            days = next((list(days) for number, days in by_employee if number == one.usuario_id), [])
            if len(days) != period.last_of(month).day:
                raise AssertionError(f"the days and the totals of employee {one.usuario_id} have parted")
            yield Card(month.replace(day=1), one, days)


def _days(rows: Rows, corrections: Rows) -> Iterator[Day]:
    """Give the days of the statement `cards`, each with its corrections, which are few."""
    of_day = defaultdict(list)
    for each in map(Written._make, corrections):
        of_day[each.usuario_id, each.dia].append(each)
    for row in rows:
        day = _day(row)
        yield day._replace(correcoes=of_day.get((day.usuario_id, day.dia), []))


def _day(row: tuple[Any, ...]) -> Day:
    """Give a day of the statement `cards`, with what follows from its punches."""
    usuario_id, nome, dia, pontos, locais, minutos, noturnos, repetidas, descanso, espera, incluidas = row
    return Day(
        usuario_id=usuario_id,
        nome=nome,
        dia=dia,
        pontos=pontos,
        locais=locais,
        batidas=len(pontos),
        pares=len(pontos) // 2,
        minutos=minutos,
        minutos_noturnos=noturnos,
        incompleta=len(pontos) % 2 == 1,
        repetidas=repetidas,
        minutos_descanso=descanso,
        primeira=locais[0] if locais else None,
        ultima=locais[-1] if locais else None,
        gravada_em=pontos[-1] + espera if pontos else None,
        incluidas=incluidas,
        correcoes=[],
    )


def _for_csv(day: Day) -> Sequence[Any]:
    return (*day[:-1], "; ".join(map(Written.text, day.correcoes)))


def fields(found: Card, reports: Reports, employer: str) -> dict[str, Any]:
    """Give a card for programs."""
    sums = found.totais._asdict()
    employee = {name: sums.pop(name) for name in ("usuario_id", "nome", "cpf", "fuso", "zona_mudou_em")}
    days = [day._asdict() for day in found.dias]
    for day in days:
        del day["usuario_id"], day["nome"]
        day["correcoes"] = [each.fields() for each in day["correcoes"]]
    return {
        "mes": f"{found.mes:%Y-%m}",
        "momento": reports.instant,
        "empregador": employer or None,
        "funcionario": employee,
        "dias": days,
        "totais": sums,
        "gerado_em": reports.made,
    }
