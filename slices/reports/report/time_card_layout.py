"""Time cards: their data, the parts shared by text and HTML, and the text output."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo

from rich.text import Text

from slices.reports.report.i18n import Language, format_minutes, mask_cpf
from slices.reports.statements import ArrivalRow, TotalsRow
from tools.kit.console import Console

MIN_SPLIT_DAYS = 3
"""Minimum number of split days in a month for which a time card has a warning."""

UNVERIFIED_AUTHOR = "local"
"""Author of all corrections on the local stack, whose emulator accepts any signature."""

_WEEKEND = 5  # first weekday of the weekend; Monday is 0
_MIN_PUNCHES_WIDTH = 6
_PAIRS_OF_A_LINE = 5
_GAP = "  "  # between columns


class Day(NamedTuple):
    """A calendar day of an employee."""

    usuario_id: int
    nome: str | None
    dia: date
    pontos: list[datetime]  # instants, UTC
    locais: list[datetime]  # the same in the employee's local time, naive
    batidas: int
    pares: int
    minutos: int
    minutos_noturnos: int
    incompleta: bool
    repetidas: int  # punches at most a minute after the previous one
    minutos_descanso: int | None  # rest until the next working day, if it is too short; otherwise None
    primeira: datetime | None
    ultima: datetime | None
    gravada_em: datetime | None
    incluidas: list[int]  # positions in pontos, from 1, of punches added by a correction
    correcoes: list[ArrivalRow]  # corrections in effect


class TimeCard(NamedTuple):
    """The time card of an employee and month."""

    mes: date  # its first day
    totais: TotalsRow
    dias: list[Day]  # every calendar day


class TimeCardPunch(NamedTuple):
    """A punch as displayed on a time card."""

    text: str  # HH:MM
    is_next_day: bool
    offset: str  # UTC offset, on days on which it changes; empty on others
    is_added: bool


def pair_punches(day: Day) -> list[list[TimeCardPunch]]:
    """Return the punches of a day in pairs, in order; if their number is odd, the last pair has one punch."""
    offsets = [local - instant.replace(tzinfo=None) for instant, local in zip(day.pontos, day.locais, strict=True)]
    has_several_offsets = len(set(offsets)) > 1
    punches = [
        TimeCardPunch(
            f"{local:%H:%M}",
            local.date() > day.dia,
            _format_offset(offset) if has_several_offsets else "",
            number in day.incluidas,
        )
        for number, (local, offset) in enumerate(zip(day.locais, offsets, strict=True), start=1)
    ]
    return [punches[at : at + 2] for at in range(0, len(punches), 2)]


def _format_offset(offset: timedelta) -> str:
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    sign = "\N{MINUS SIGN}" if offset < timedelta(0) else "+"
    return f"{sign}{hours:02}" + (f":{minutes:02}" if minutes else "")


def is_weekend(day: Day) -> bool:
    """Return whether the day is a Saturday or a Sunday."""
    return day.dia.weekday() >= _WEEKEND


def marks(day: Day, language: Language) -> list[str]:
    """Return the labels of a day's irregularities."""
    conditions = {
        "incompleta": day.incompleta,
        "repetidas": day.repetidas > 0,
        "dividida": day.minutos_descanso is not None,
        "corrigida": bool(day.correcoes),
    }
    return [language.column(name) for name, applies in conditions.items() if applies]


def split_warning(totals: TotalsRow, language: Language) -> str | None:
    """Return the warning that the cut-off seems to split many shifts, or None."""
    if totals.dias_divididos < MIN_SPLIT_DAYS:
        return None
    return language.word("time_card", "warning", language.number(totals.dias_divididos), totals.usuario_id)


def zone_note(totals: TotalsRow, language: Language) -> str | None:
    """Return the note that the time zone or cut-off changed after the instant of the time card, or None."""
    if totals.zona_mudou_em is None:
        return None
    return language.word(
        "time_card", "changed", language.date_time(totals.zona_mudou_em.astimezone(ZoneInfo(totals.fuso)))
    )


def pair_count(time_card: TimeCard) -> int:
    """Return the largest number of pairs of punches on a day, but at least 1 and at most those of a printed line."""
    return min(max(1, *((len(day.pontos) + 1) // 2 for day in time_card.dias)), _PAIRS_OF_A_LINE)


def summary(time_card: TimeCard, language: Language) -> str:
    """Return the sentence above the signatures: the month, the employee and the hours."""
    totals = time_card.totais
    month, hours = language.month(time_card.mes), format_minutes(totals.minutos)
    return language.word("time_card", "summary", month, totals.usuario_id, hours)


def corrections(time_card: TimeCard, language: Language) -> list[str]:
    """Return a sentence for each correction, with its author and reason; then each ARN that was shortened in them."""
    zone = ZoneInfo(time_card.totais.fuso)
    names = _short_names(
        {correction.autor for day in time_card.dias for correction in day.correcoes if correction.autor}
    )
    sentences = [
        language.word(
            "time_card",
            correction.tipo,
            language.date(correction.local.date()),
            f"{correction.local:%H:%M}",
            author_label(correction.autor and names[correction.autor], language),
            language.date_time(correction.escrita_em.astimezone(zone)) + request_note(correction, language),
            correction.motivo,
        )
        for day in time_card.dias
        for correction in day.correcoes
    ]
    return sentences + sorted(f"{name}: {author}" for author, name in names.items() if name != author)


def _short_names(authors: Collection[str]) -> dict[str, str]:
    """Return the last part of each ARN; the whole author if several have the same last part, or if it is no ARN."""
    names = {author: re.split("[:/]", author)[-1] if author.startswith("arn:") else author for author in authors}
    counts = Counter(names.values())
    return {author: name if counts[name] == 1 else author for author, name in names.items()}


def request_note(correction: ArrivalRow, language: Language) -> str:
    """Return the note that the employee asked for a correction, after a comma; empty if the employee did not."""
    if correction.pedido_autenticado is None:
        return ""
    note = f", {language.word('time_card', 'asked')}"
    return note if correction.pedido_autenticado else f"{note} ({language.word('time_card', 'not_verified')})"


def author_label(author: str | None, language: Language) -> str:
    """Return the author of a correction, with a note if the identity was not verified; empty for None."""
    return f"{author} ({language.word('time_card', 'not_verified')})" if author == UNVERIFIED_AUTHOR else author or ""


def counts(totals: TotalsRow) -> list[tuple[str, int]]:
    """Return the counts that are printed below the days, each after the name of its column."""
    names = ["dias_trabalhados", "dias_incompletos", *(["dias_divididos"] if totals.dias_divididos else [])]
    return [(name, getattr(totals, name)) for name in names]


def legend(days: Sequence[Day], language: Language) -> str:
    """Return the legend of the marks that occur on a time card."""
    notes = {
        "night": True,
        "next_day": any(local.date() > day.dia for day in days for local in day.locais),
        "incomplete": any(day.incompleta for day in days),
        "repeated": any(day.repetidas for day in days),
        "split": any(day.minutos_descanso is not None for day in days),
        "added": any(day.incluidas for day in days),
    }
    return ". ".join(language.word("time_card", name) for name, applies in notes.items() if applies) + "."


def print_time_cards(
    out: IO[str], time_cards: Iterable[TimeCard], employer: str, as_of: str, generated: str, language: Language
) -> None:
    """Write time cards as text, with styles if `out` is a terminal."""
    console = Console(out)
    for time_card in time_cards:
        footer = (legend(time_card.dias, language), language.word("time_card", "certified"), generated)
        lines = [
            *_head(time_card, employer, as_of, language),
            Text(),
            *_table(time_card, language, console.width),
            Text(),
            Text("   ".join(f"{language.column(name)}: {count}" for name, count in counts(time_card.totais))),
            *map(Text, corrections(time_card, language)),
            *(Text(text, "dim") for text in footer),
            Text(),
        ]
        for line in lines:
            line.rstrip()
        if console.is_terminal:
            console.print(*lines, sep="\n")
        else:
            console.write("".join(f"{line.plain}\n" for line in lines))


def _head(time_card: TimeCard, employer: str, as_of: str, language: Language) -> Iterator[Text]:
    totals = time_card.totais
    yield Text(f"{language.word('time_card', 'title')}, {language.month(time_card.mes)}", "bold")
    cpf = f"CPF {mask_cpf(totals.cpf)}" if totals.cpf else ""
    employee = (totals.nome or "", f"{language.column('usuario_id')} {totals.usuario_id}", cpf, totals.fuso)
    if employer:
        yield Text(f"{language.word('time_card', 'employer')}: {employer}")
    yield Text(_GAP.join(filter(None, employee)))
    if as_of:
        yield Text(as_of)
    for text in filter(None, (zone_note(totals, language), split_warning(totals, language))):
        yield Text(text, "yellow")


def _table(time_card: TimeCard, language: Language, width: int) -> Iterator[Text]:
    """Format the days as aligned lines, without rich's tables, which are too slow for thousands of time cards."""
    days, totals = time_card.dias, time_card.totais
    heading = (language.column("dia"), "", *map(language.column, ("locais", "minutos", "minutos_noturnos")))
    total = ("", "", language.column("total"), format_minutes(totals.minutos), format_minutes(totals.minutos_noturnos))
    dates = [(f"{day.dia.day:2}", language.weekday(day.dia)) for day in days]
    day_marks = [", ".join(marks(day, language)) for day in days]
    widths = [
        max(map(len, cells)) for cells in zip(heading, total, *((*date_, "", "", "") for date_ in dates), strict=True)
    ]
    other_width = sum(widths) - widths[2] + max(map(len, day_marks)) + 5 * len(_GAP)
    punches_width = max(width - other_width, _MIN_PUNCHES_WIDTH)
    punches = [
        _wrap_words([" ".join(map(_format_punch, pair)) for pair in pair_punches(day)], punches_width) for day in days
    ]
    widths[2] = max(widths[2], *(len(line) for lines in punches for line in lines))

    def line(cells: Sequence[str], style: str = "", mark: str = "") -> Text:
        padded = _GAP.join(f"{cell:{align}{width}}" for cell, align, width in zip(cells, "<<<>>", widths, strict=True))
        return Text.assemble((padded, style), (f"{_GAP}{mark}" if mark else "", "yellow"))

    yield line(heading, "bold")
    for day, date_, lines, mark in zip(days, dates, punches, day_marks, strict=True):
        night = format_minutes(day.minutos_noturnos) if day.minutos_noturnos else ""
        minutes = format_minutes(day.minutos) if day.batidas else ""
        style = "dim" if is_weekend(day) and not day.batidas else ""
        yield line((*date_, lines[0], minutes, night), style, mark)
        for continuation in lines[1:]:
            yield line(("", "", continuation, "", ""))
    yield line(total, "bold")


def _wrap_words(words: Sequence[str], width: int) -> list[str]:
    """Join words into lines of at most `width` characters, unless a single word is longer; return at least one line."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(_GAP) + len(word) <= width:
            lines[-1] += _GAP + word
        else:
            lines.append(word)
    return lines or [""]


def _format_punch(punch: TimeCardPunch) -> str:
    offset = f"({punch.offset})" if punch.offset else ""
    return punch.text + offset + ("+1" if punch.is_next_day else "") + ("*" if punch.is_added else "")
