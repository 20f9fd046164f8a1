"""Reports for the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import IO, Any

from rich.table import Table
from rich.text import Text

from tools.kit import tables
from tools.kit.output import Console
from tools.kit.tables import Column
from tools.report import figures
from tools.report.dead_letters import Group, Unread
from tools.report.figures import Peak, ShownPunch
from tools.report.i18n import Language, clock, mask
from tools.report.queries import Card, Day, Finding, Findings, Totals

_AT_ONCE = 500  # rows of a table that is too long to be held
_WIDEST, _NARROWEST = 24, 6  # columns of a name or a device in it
_LONGEST_DAY = date(2026, 12, 30)  # to be written
_BAR, _SHORTEST_BAR = 20, 5  # columns of the longest
_GAP = "  "  # between columns
_FINDING = ("dia", "usuario_id", "local", "medida", "tipo", "nome", "dispositivo")  # as figures.finding_cells

_TO_THE_LEFT = {"nome", "dispositivo", "situacao", "minuto", "motivo", "primeira", "ultima", "tipo"}  # no figures
_LEAST = {  # columns of texts, which wrap
    "nome": 9,
    "dispositivo": 12,
    "motivo": 16,
    "numeros": 17,
    **dict.fromkeys(("primeira", "ultima", "ponto_antes"), 13),
}

Line = list[tuple[str, str]]
"""Texts that stand beside each other, each with its style."""


class Printer:
    """Prints reports; text from outside neither moves the cursor nor styles anything."""

    def __init__(self, out: IO[str], language: Language) -> None:
        """Takes where to print, and the language."""
        self._console = Console(out)
        self._language = language
        self._column = language.column

    def heading(self, title: str, *lines: str) -> None:
        """Print how a report begins."""
        self._line(Text(title, style="bold"))
        for line in lines:
            self._line(Text(line))

    def cards(self, cards: Iterable[Card], generated: str) -> None:
        """Print time cards."""
        certified = self._language.word("timecard", "certified")
        for card in cards:
            self._lines(
                [
                    *self._card_head(card),
                    [],
                    *self._card_table(card.dias, card.totais),
                    [],
                    *self._card_foot(card),
                    [(certified, "dim")],
                    [(generated, "dim")],
                    [],
                ]
            )

    def table(self, names: Sequence[str], rows: Iterable[Sequence[str]], notes: Sequence[str] = ()) -> None:
        """Print rows of cells."""
        self._line()
        if cells := list(rows):
            tables.draw(self._console, self._columns(*names), cells)
        for note in notes:
            self._line(Text(note, style="dim"))

    def exceptions(self, found: Findings, groups: list[Group] | Unread) -> None:
        """Print how many exceptions there are, the dead letters, then each exception, some at a time."""
        word = self._language.word
        self._line()
        by_count = sorted(found.counts.items(), key=lambda item: -item[1])
        rows = [(word("kind", kind), self._language.number(count)) for kind, count in by_count]
        self._section(word("exceptions", "summary"), self._columns("tipo", "quantidade"), rows)
        self._dead_letters(groups)
        if found.counts:
            self._line(Text(word("exceptions", "each"), style="bold"))
        columns = self._finding_columns(found)
        is_first = True
        each = iter(found.each)
        while part := list(islice(each, _AT_ONCE)):
            self._console.print(self._findings(part, columns, header=is_first))
            is_first = False
        if found.counts:
            self._line(Text(word("exceptions", "summed"), style="dim"))

    def peak(self, peak: Peak) -> None:
        """Print a peak."""
        language = self._language
        self._line()
        names = ("batidas", "recebidas", "gravadas", "fila", "idade")
        total, busiest = language.word("timecard", "total"), language.word("peak", "busiest")
        columns = [Column(""), Column(total, right=True), Column(busiest, least=18)]
        rows = [
            (
                self._column(name),
                "" if name in ("fila", "idade") else language.number(getattr(peak.total, name)),
                figures.busiest(peak, name, language),
            )
            for name in names
        ]
        tables.draw(self._console, columns, rows)
        self._line()
        cells = [figures.step_cells(step, peak, language) for step in peak.steps]
        columns = self._columns("minuto", *names)
        longest = min(_BAR, self._console.width - tables.narrowest(columns, cells) - len(_GAP))
        most = max((max(step.batidas, step.recebidas) for step in peak.steps), default=0) or 1
        if longest >= _SHORTEST_BAR:
            bars = ("█" * round(longest * step.batidas / most) for step in peak.steps)
            columns.append(Column(""))
            cells = [(*row, bar) for row, bar in zip(cells, bars, strict=True)]
        tables.draw(self._console, columns, cells)
        self._line(Text(f"{language.word('peak', 'punched_by')} {language.word('peak', 'stored_only')}", style="dim"))

    def _card_head(self, card: Card) -> Iterator[Line]:
        totals = card.totais
        yield [(f"{self._language.word('timecard', 'title')}, {self._language.month(card.mes)}", "bold")]
        parts = (
            totals.nome or "",
            f"{self._column('usuario_id')} {totals.usuario_id}",
            f"CPF {mask(totals.cpf)}" if totals.cpf else "",
            totals.fuso,
        )
        yield [("  ".join(filter(None, parts)), "")]
        if warning := figures.warning(totals, self._language):
            yield [(warning, "yellow")]

    def _card_table(self, days: Sequence[Day], totals: Totals) -> Iterator[Line]:
        """Lay out the days by hand: of ten thousand cards, rich's tables would take most of the time."""
        labels = [self._column(name) for name in ("dia", "locais", "minutos", "minutos_noturnos")]
        total = self._language.word("timecard", "total")
        worked = [clock(totals.minutos), clock(totals.minutos_noturnos)]
        pairs = [[" ".join(map(_punch, pair)) for pair in figures.pairs(day)] for day in days]
        marks = [", ".join(figures.marks(day, self._language)) for day in days]
        day_width = max(len(labels[0]), 2)
        weekday_width = max(len(self._language.weekday(day.dia)) for day in days)
        minutes_width, night_width = (
            max(len(label), len(figure)) for label, figure in zip(labels[2:], worked, strict=True)
        )
        beside = day_width + weekday_width + minutes_width + night_width + max(map(len, marks)) + 5 * len(_GAP)
        cells = [_filled(some, max(self._console.width - beside, _NARROWEST)) for some in pairs]
        punches_width = max(len(labels[1]), len(total), *(len(line) for lines in cells for line in lines))

        def line(day: str, weekday: str, punches: str, minutes: str, night: str) -> str:
            return _GAP.join(
                (
                    day.ljust(day_width),
                    weekday.ljust(weekday_width),
                    punches.ljust(punches_width),
                    minutes.rjust(minutes_width),
                    night.rjust(night_width),
                )
            )

        yield [(line(labels[0], "", *labels[1:]), "bold")]
        for day, lines, mark in zip(days, cells, marks, strict=True):
            night = clock(day.minutos_noturnos) if day.minutos_noturnos else ""
            minutes = clock(day.minutos) if day.batidas else ""
            style = "dim" if day.dia.weekday() >= figures.WEEKEND and not day.batidas else ""
            text = line(f"{day.dia.day:2}", self._language.weekday(day.dia), lines[0], minutes, night)
            yield [(text, style), (f"{_GAP}{mark}" if mark else "", "yellow")]
            for more in lines[1:]:
                yield [(line("", "", more, "", ""), "")]
        yield [(line("", "", total, *worked), "bold")]

    def _card_foot(self, card: Card) -> Iterator[Line]:
        names = ["dias_trabalhados", "dias_incompletos", *(["dias_divididos"] if card.totais.dias_divididos else [])]
        yield [("   ".join(f"{self._column(name)}: {getattr(card.totais, name)}" for name in names), "")]
        yield [(". ".join(figures.legend(card.dias, self._language)) + ".", "dim")]

    def _dead_letters(self, groups: list[Group] | Unread) -> None:
        word = self._language.word
        if isinstance(groups, Unread):
            self._line(Text(word("exceptions", "dead_letters"), style="bold"))
            self._line(Text(figures.unread(groups, self._language), style="yellow"))
            self._line()
            return
        columns = self._columns("motivo", "usuario_id", "quantidade", "primeira", "ultima")
        rows = [
            (
                figures.reason(group.motivo, self._language),
                word("exceptions", "unknown_employee") if group.usuario_id is None else str(group.usuario_id),
                self._language.number(group.quantidade),
                self._language.moment(group.primeira) + " UTC",
                self._language.moment(group.ultima) + " UTC",
            )
            for group in groups
        ]
        self._section(word("exceptions", "dead_letters"), columns, rows, word("exceptions", "dead_letters_now"))

    def _section(self, title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], note: str = "") -> None:
        self._line(Text(title, style="bold"))
        if rows:
            tables.draw(self._console, columns, rows)
            if note:
                self._line(Text(note, style="dim"))
        else:
            self._line(Text(self._language.word("report", "none")))
        self._line()

    def _finding_columns(self, found: Findings) -> list[tuple[str, int]]:
        """Give the names and widths of the table's columns: the same for all its parts, which stand below each other.

        The name and the device share what room is left. The device goes on below; where that is little, so does what
        has several words. The name is cut, or each exception of somebody with a long one would take as many lines.
        """
        has_reset = "redefinida" in found.counts  # its day far away stands where others have a time
        date = self._language.date(_LONGEST_DAY)
        kinds = [self._language.word("kind", kind) for kind in found.counts]
        wide = {
            "dia": len(date),
            "usuario_id": len(str(found.largest)),
            "local": len(date) if has_reset else 7,
            "medida": 15 if has_reset else 12,
            "tipo": max(map(len, kinds), default=0),
        }
        narrow = wide | {  # what has several words goes on below
            "local": max(7, *(len(word) for word in date.split())) if has_reset else 7,
            "medida": 11,
            "tipo": max((len(word) for kind in kinds for word in kind.split()), default=0),
        }
        for widths in (wide, narrow):
            columns = [(name, max(width, len(self._column(name)))) for name, width in widths.items()]
            room = (self._console.width - sum(width + 1 for _, width in columns) + 1) // 2 - 1
            if room >= _WIDEST:
                break
        others = ("nome", "dispositivo") if room >= _NARROWEST else ()
        return columns + [(name, min(room, _WIDEST)) for name in others]

    def _findings(self, findings: Iterable[Finding], columns: list[tuple[str, int]], *, header: bool) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=header)
        for name, width in columns:
            justify: Any = "right" if name in ("usuario_id", "medida") else "left"
            is_cut = name == "nome"
            table.add_column(
                self._column(name),
                width=width,
                min_width=width,
                no_wrap=is_cut,
                overflow="ellipsis" if is_cut else "fold",
                justify=justify,
            )
        shown = [_FINDING.index(name) for name, _ in columns]
        for found in findings:
            cells = figures.finding_cells(found, self._language)
            table.add_row(*(Text(cells[at]) for at in shown))
        return table

    def _columns(self, *names: str) -> list[Column]:
        return [Column(self._column(name), name not in _TO_THE_LEFT, _LEAST.get(name, 0)) for name in names]

    def _lines(self, lines: Iterable[Line]) -> None:
        """Print lines of texts with their styles; without a terminal only the texts, and at once."""
        if self._console.is_terminal:
            for line in lines:
                text = Text.assemble(*line)
                text.rstrip()
                self._line(text)
        else:
            self._console.write("".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines))

    def _line(self, text: Text | str = "") -> None:
        """Print a line; on a terminal it is broken between words."""
        self._console.print(text, soft_wrap=not self._console.is_terminal)


def _filled(words: Sequence[str], width: int) -> list[str]:
    """Put words on lines that are no wider; at least one line."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(_GAP) + len(word) <= width:
            lines[-1] += _GAP + word
        else:
            lines.append(word)
    return lines or [""]


def _punch(punch: ShownPunch) -> str:
    offset = f"({punch.offset})" if punch.offset else ""
    return punch.text + offset + ("+1" if punch.is_next_day else "")
