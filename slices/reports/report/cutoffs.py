"""`ponto report cutoffs`: cut-offs that split shifts, and better ones."""

import click

from slices.reports.report import options, queries
from slices.reports.report.card import MIN_SPLIT_DAYS
from slices.reports.report.output import Output
from slices.reports.report.period import Days
from slices.reports.report.queries import Employees
from slices.reports.report.table import CLOCK, FIGURE, NUMBER, SPAN, Column, Report, Table
from slices.reports.rows import CUTOFFS
from tools.kit.options import MutuallyExclusiveOption
from tools.kit.reader import TargetOptions

_COLUMNS = (
    Column("usuario_id", FIGURE),
    Column("nome", least=9),
    Column("fuso"),
    Column("corte", CLOCK),
    Column("dias", NUMBER),
    Column("divididos", NUMBER),  # of these, days after which it may split a shift
    Column("sugestao", CLOCK, ("cutoffs", "keep")),  # None: no full hour splits fewer
    Column("restantes", NUMBER),
    Column("folga", SPAN),
    Column("folga_minutos"),
)
_FOR_PEOPLE = ("usuario_id", "nome", "dias", "divididos", "corte", "sugestao", "restantes", "folga")


@options.command("cutoffs", "--month 2026-11")
@options.days()
@options.employees("Of this one, whatever the cut-off splits; several times: of each.")
@click.option(
    "--all",
    "everybody",
    cls=MutuallyExclusiveOption,
    excludes=("--employee",),
    is_flag=True,
    show_default=False,
    help=f"Of everybody who punched (default: whose cut-off splits {MIN_SPLIT_DAYS} days or more).",
)
@options.output_options
def command(
    target_options: TargetOptions, *, output: Output, days: Days, employees: Employees, everybody: bool
) -> None:
    """Cut-offs that split shifts, and better ones."""
    word = output.language.word
    with queries.open_reports(target_options, output) as reports:
        first, last = days.until(reports.now.date())
        at_least = MIN_SPLIT_DAYS if employees is None and not everybody else 0
        has_punches, cutoffs = reports.source.read(
            reports.punched(first, last, employees),
            CUTOFFS.bind(de=first, ate=last, usuarios=employees, divididos=at_least),
        )
        queries.require_punches(has_punches, first, last, employees)
        table = Table(_COLUMNS, list(cutoffs), notes=[word("cutoffs", "note")], empty=word("cutoffs", "none"))
        output.write(
            Report(
                word("cutoffs", "title"),
                [output.language.period(first, last), output.language.generated(reports.now)],
                [table.only(*_FOR_PEOPLE)],
                csv=table.without("folga"),
                head={"de": first, "ate": last, "usuarios": employees, "gerado_em": reports.generated_at},
                listed=("cortes", table.without("folga_minutos")),
            )
        )
