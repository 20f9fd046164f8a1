"""Reports for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ponto.cli import printable
from ponto.cli.report import figures
from ponto.cli.report.dead import Heap, Unread
from ponto.cli.report.figures import Peak, Punch
from ponto.cli.report.reading import Card, Finding
from ponto.cli.report.words import Language, clock, mask

_PIPED_WIDTH = 160  # columns, where nobody's terminal says
_AT_ONCE = 500  # rows of a table that is too long to be held
_WIDEST = 24  # columns of a name or a device in it
_BAR = 20  # columns


class _Console(Console):
    """Leaves a broken pipe to `ponto/__main__.py`: rich would end the process, and not with 0."""

    def on_broken_pipe(self) -> None:
        raise  # it is called where the error is handled


class Printer:
    """Prints reports; text from outside neither moves the cursor nor styles anything."""

    def __init__(self, out: IO[str], language: Language) -> None:
        """Takes where to print, and the language."""
        self._console = _Console(file=out, highlight=False, emoji=False, markup=False)
        if not self._console.is_terminal:
            self._console.width = _PIPED_WIDTH
        self._language = language
        self._column = language.column

    def heading(self, title: str, *lines: str) -> None:
        """Print how a report begins."""
        self._line(Text(printable(title), style="bold"))
        for line in lines:
            self._line(Text(printable(line)))

    def cards(self, cards: Iterable[Card], generated: str) -> None:
        """Print time cards."""
        word = self._language.word
        for card in cards:
            totals = card.totais
            self.heading(
                f"{word('timecard', 'title')}, {self._language.month(card.mes)}",
                "  ".join(
                    part
                    for part in (
                        totals.nome or "",
                        f"{self._column('usuario_id')} {totals.usuario_id}",
                        f"CPF {mask(totals.cpf)}" if totals.cpf else "",
                        totals.fuso,
                    )
                    if part
                ),
            )
            self._line()
            self._console.print(self._card(card))
            self._line()
            self._line(
                Text(
                    f"{self._column('dias_trabalhados')}: {totals.dias_trabalhados}   "
                    f"{self._column('dias_incompletos')}: {totals.dias_incompletos}"
                )
            )
            self._line(Text(". ".join(figures.legend(card.dias, self._language)) + ".", style="dim"))
            self._line(Text(word("timecard", "certified"), style="dim"))
            self._line(Text(generated, style="dim"))
            self._line()

    def exceptions(self, counts: Mapping[str, int], findings: Iterable[Finding], heaps: list[Heap] | Unread) -> None:
        """Print how many exceptions there are, the dead letters, then each exception, some at a time."""
        word = self._language.word
        self._line()
        table = self._table(("tipo", "quantidade"), right=("quantidade",))
        for kind, count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(word("kind", kind), self._language.number(count))
        self._section(word("exceptions", "summary"), table)
        self._heaps(heaps)
        first = True
        rows = iter(findings)
        while part := list(islice(rows, _AT_ONCE)):
            if first:
                self._line(Text(word("exceptions", "each"), style="bold"))
            self._console.print(self._findings(part, header=first))
            first = False

    def peak(self, peak: Peak) -> None:
        """Print a peak."""
        language = self._language
        self._line()
        table = self._table(("", "total", "busiest"), right=("total",))
        for name in ("batidas", "recebidas", "gravadas", "fila", "idade"):
            total = "" if name in ("fila", "idade") else language.number(getattr(peak.total, name))
            table.add_row(self._column(name), total, figures.busiest(peak, name, language))
        self._console.print(table)
        self._line()
        most = max((max(step.batidas, step.recebidas) for step in peak.steps), default=0) or 1
        names = ("batidas", "recebidas", "gravadas", "fila", "idade")
        table = self._table(("minuto", *names, ""), right=names)
        for step in peak.steps:
            table.add_row(*figures.step_cells(step, peak, language), "█" * round(_BAR * step.batidas / most))
        self._console.print(table)
        self._line(Text(f"{language.word('peak', 'punched_by')} {language.word('peak', 'stored_only')}", style="dim"))

    def _card(self, card: Card) -> Table:
        table = self._table(
            ("dia", "", "locais", "minutos", "minutos_noturnos", ""), right=("minutos", "minutos_noturnos")
        )
        for day in card.dias:
            table.add_row(
                Text(f"{day.dia.day:2}"),
                self._language.weekday(day.dia),
                _punches(figures.pairs(day)),
                clock(day.minutos) if day.batidas else "",
                clock(day.minutos_noturnos) if day.minutos_noturnos else "",
                Text(self._column("incompleta"), style="yellow") if day.incompleta else "",
                style="dim" if day.dia.weekday() >= figures.WEEKEND and not day.batidas else None,
            )
        table.add_section()
        table.add_row(
            "",
            "",
            Text(self._language.word("timecard", "total"), style="bold"),
            clock(card.totais.minutos),
            clock(card.totais.minutos_noturnos),
            "",
            style="bold",
        )
        return table

    def _heaps(self, heaps: list[Heap] | Unread) -> None:
        word = self._language.word
        if isinstance(heaps, Unread):
            self._line(Text(word("exceptions", "dead_letters"), style="bold"))
            self._line(Text(printable(figures.unread(heaps, self._language)), style="yellow"))
            self._line()
            return
        table = self._table(
            ("motivo", "usuario_id", "quantidade", "primeira", "ultima"), right=("usuario_id", "quantidade")
        )
        for heap in heaps:
            table.add_row(
                Text(printable(figures.reason(heap.motivo, self._language))),
                word("exceptions", "unknown_employee") if heap.usuario_id is None else str(heap.usuario_id),
                self._language.number(heap.quantidade),
                self._language.moment(heap.primeira) + " UTC",
                self._language.moment(heap.ultima) + " UTC",
            )
        self._section(word("exceptions", "dead_letters"), table, word("exceptions", "dead_letters_now"))

    def _section(self, title: str, table: Table, note: str = "") -> None:
        self._line(Text(title, style="bold"))
        if table.row_count:
            self._console.print(table)
            if note:
                self._line(Text(note, style="dim"))
        else:
            self._line(Text(self._language.word("report", "none")))
        self._line()

    def _findings(self, findings: Iterable[Finding], *, header: bool) -> Table:
        # Fixed widths: the next part of the table has to stand below this one.
        kinds = max(len(self._language.word("kind", kind)) for kind in figures.KINDS)
        table = Table(box=None, pad_edge=False, show_header=header)
        widths = (12, 16, _WIDEST, kinds, 5, 13, _WIDEST)
        names = ("dia", "usuario_id", "nome", "tipo", "local", "medida", "dispositivo")
        for name, width in zip(names, widths, strict=True):
            right = name in ("usuario_id", "medida")
            table.add_column(
                self._column(name), width=width, no_wrap=True, overflow="ellipsis", justify="right" if right else "left"
            )
        for found in findings:
            table.add_row(*(Text(printable(cell)) for cell in figures.finding_cells(found, self._language)))
        return table

    def _table(self, names: Sequence[str], right: Sequence[str] = ()) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in names:
            label = {
                "total": self._language.word("timecard", "total"),
                "busiest": self._language.word("peak", "busiest"),
            }
            table.add_column(
                label.get(name) or (name and self._column(name)), justify="right" if name in right else "left"
            )
        return table

    def _line(self, text: Text | str = "") -> None:
        self._console.print(text, soft_wrap=True)


def _punches(pairs: Sequence[Sequence[Punch]]) -> Text:
    return Text("  ".join(" ".join(map(_punch, pair)) for pair in pairs), overflow="fold")


def _punch(punch: Punch) -> str:
    offset = f"({punch.offset})" if punch.offset else ""
    return punch.text + offset + ("+1" if punch.is_next_day else "")
