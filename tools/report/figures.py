"""What text and pages show of the rows, before they differ in how: the same figures for both."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tools.dlq.dead_letters import REASONS
from tools.report.dead_letters import NOT_LOCAL, Unread
from tools.report.i18n import Language, clock
from tools.report.queries import CutOff, Day, Finding, Gap, Minute, Totals

WEEKEND = 5  # the day of the week, Monday 0, from which on it is

REGULARLY = 3  # days of a month that a cut-off splits, from which on it is a warning

_MOST_ROWS = 32  # of a table of a peak
_STEPS = (1, 5, 15, 60, 1_440)  # minutes


class ShownPunch(NamedTuple):
    """A punch as a reader sees it."""

    text: str  # HH:MM
    is_next_day: bool
    offset: str  # where the day has more than one: a change of the clock


class Step(NamedTuple):
    """A part of a peak."""

    start: datetime  # in the stage's zone
    batidas: int
    recebidas: int
    gravadas: int
    fila: int  # the most
    idade: timedelta | None  # the longest


class Peak(NamedTuple):
    """A stretch of the intake, in sum."""

    total: Step
    busiest: dict[str, Step | None]  # by column, the first minute that has the most; None: nothing happened
    steps: list[Step]  # without those at both ends in which nothing happened


def pairs(day: Day) -> list[list[ShownPunch]]:
    """Put the punches of a day in pairs, in order; of an odd number, the last one stands alone."""
    offsets = [local - instant.replace(tzinfo=None) for instant, local in zip(day.pontos, day.locais, strict=True)]
    several = len(set(offsets)) > 1
    punches = [
        ShownPunch(f"{local:%H:%M}", local.date() > day.dia, _offset(offset) if several else "")
        for local, offset in zip(day.locais, offsets, strict=True)
    ]
    return [punches[at : at + 2] for at in range(0, len(punches), 2)]


def summarize(minutes: Sequence[Minute], zone: ZoneInfo) -> Peak:
    """Sum up minutes, in steps that make a table of a page.

    Args:
        minutes: without gaps, at least one.
        zone: the stage's.
    """
    size = next((step for step in _STEPS if len(minutes) <= step * _MOST_ROWS), _STEPS[-1])
    steps: list[list[Minute]] = []
    key = None
    for minute in minutes:
        here = _floor(minute.minuto.astimezone(zone), size)
        if here != key:
            steps.append([])
            key = here
        steps[-1].append(minute)
    return Peak(
        _step(minutes, zone),
        {name: _busiest(minutes, name, zone) for name in ("batidas", "recebidas", "gravadas", "fila", "idade")},
        _trimmed([_step(part, zone) for part in steps]),
    )


KINDS = (
    "incompleta", "longa", "dividida", "proxima", "futura", "atrasada", "reaberta", "relogio", "redefinida"
)  # fmt: skip
"""What `excecoes` finds."""


def finding_cells(found: Finding, language: Language) -> tuple[str, ...]:
    """Write an exception: day, employee, time (or how many there are), measure, kind, name, device."""
    if found.vezes > 1:
        when = language.word("exceptions", "times", language.number(found.vezes))
    elif found.local is None:
        when = ""
    elif found.tipo == "redefinida":
        when = language.date(found.local.date())  # nobody expects it there
    else:
        when = f"{found.local:%H:%M}" + ("+1" if found.local.date() > found.dia else "")
    return (
        language.date(found.dia),
        language.word("exceptions", "several") if found.usuario_id is None else str(found.usuario_id),
        when,
        "" if found.medida is None else language.span(found.medida),
        language.word("kind", found.tipo),
        found.nome or "",
        found.dispositivo or "",
    )


def marks(day: Day, language: Language) -> list[str]:
    """Say what is odd about a day of a card."""
    found = {"incompleta": day.incompleta, "repetidas": day.repetidas > 0, "dividida": day.minutos_descanso is not None}
    return [language.column(name) for name, is_so in found.items() if is_so]


def warning(totals: Totals, language: Language) -> str | None:
    """Warn of a card whose hours are wrong, as the cut-off splits shifts again and again."""
    if totals.dias_divididos < REGULARLY:
        return None
    return language.word("timecard", "warning", language.number(totals.dias_divididos), totals.usuario_id)


TOTALS = ("usuario_id", "nome", "dias_trabalhados", "minutos", "minutos_noturnos", "dias_incompletos", "dias_divididos")
"""The columns of a month's totals, for who reads them."""


def totals_cells(one: Totals, language: Language) -> tuple[str, ...]:
    """Write the totals of an employee."""
    return (
        str(one.usuario_id),
        one.nome or "",
        language.number(one.dias_trabalhados),
        clock(one.minutos),
        clock(one.minutos_noturnos),
        language.number(one.dias_incompletos),
        language.number(one.dias_divididos),
    )


CUTOFFS = ("usuario_id", "nome", "dias", "divididos", "corte", "sugestao", "restantes", "folga")
"""The columns of cut-offs, for who reads them."""


def cutoff_cells(one: CutOff, language: Language) -> tuple[str, ...]:
    """Write the cut-off of an employee, and the better one."""
    return (
        str(one.usuario_id),
        one.nome or "",
        language.number(one.dias),
        language.number(one.divididos),
        f"{one.corte:%H:%M}",
        f"{one.sugestao:%H:%M}" if one.sugestao else language.word("cutoffs", "keep"),
        "" if one.restantes is None else language.number(one.restantes),
        "" if one.folga is None else language.span(one.folga),
    )


GAPS = ("dispositivo", "situacao", "numeros", "ponto_antes", "desde")
"""The columns of gaps, for who reads them."""


def gap_cells(gap: Gap, zone: ZoneInfo, language: Language) -> tuple[str, ...]:
    """Write numbers of a device that are missing, or one that came twice; times are of the stage's zone."""
    one = gap.numero_inicial == gap.numero_final
    return (
        gap.dispositivo,
        language.word("gaps", gap.situacao, gap.quantas),
        str(gap.numero_inicial) if one else f"{gap.numero_inicial}\N{EN DASH}{gap.numero_final}",
        language.moment(gap.ponto_antes.astimezone(zone)) if gap.ponto_antes else "",
        language.date(gap.desde.astimezone(zone)),
    )


def step_cells(step: Step, peak: Peak, language: Language) -> tuple[str, ...]:
    """Write a part of a peak: when, then its figures; the date too where the peak has several."""
    return (
        language.moment(step.start) if _has_days(peak) else f"{step.start:%H:%M}",
        *(language.number(getattr(step, name)) for name in ("batidas", "recebidas", "gravadas", "fila")),
        "" if step.idade is None else language.span(step.idade),
    )


def busiest(peak: Peak, column: str, language: Language) -> str:
    """Write the highest figure of a column, and when that was; the date too where the peak has several."""
    step = peak.busiest[column]
    if step is None:
        return language.word("report", "none")
    figure = getattr(step, column)
    written = language.span(figure) if column == "idade" else language.number(figure)
    if _has_days(peak):
        return language.word("peak", "on", written, language.moment(step.start))
    return language.word("peak", "at", written, f"{step.start:%H:%M}")


def generated(now: datetime, language: Language) -> str:
    """Say when a report was made; `now` is in the stage's zone."""
    zone: Any = now.tzinfo
    offset = f"{now:%z}"
    return language.word("report", "generated", language.moment(now), f"{zone.key} (UTC{offset[:3]}:{offset[3:]})")


def reason(name: str, language: Language) -> str:
    """Write why a message was dead-lettered; the word that `dlq` knows too."""
    return f"{name}: {language.word('reason', name)}" if name in REASONS else name


def unread(found: Unread, language: Language) -> str:
    """Say that the dead letters are not in the report, and why."""
    word = {Unread(None): "no_queue", NOT_LOCAL: "not_local"}.get(found)  # what else there is, AWS says
    return language.word("exceptions", "unread", language.word("exceptions", word) if word else found.why)


def legend(days: Sequence[Day], language: Language) -> list[str]:
    """Explain the marks of a card, those that are on it."""
    found = [language.word("timecard", "night")]
    if any(local.date() > day.dia for day in days for local in day.locais):
        found.append(language.word("timecard", "next_day"))
    for name, is_there in (
        ("incomplete", any(day.incompleta for day in days)),
        ("repeated", any(day.repetidas for day in days)),
        ("split", any(day.minutos_descanso is not None for day in days)),
    ):
        if is_there:
            found.append(language.word("timecard", name))
    return found


def _has_days(peak: Peak) -> bool:
    return peak.steps[0].start.date() != peak.steps[-1].start.date()


def _trimmed(steps: list[Step]) -> list[Step]:
    """Leave out the steps before the first and after the last in which something happened."""
    busy = [at for at, step in enumerate(steps) if any(step[1:])]
    return steps[busy[0] : busy[-1] + 1] if busy else steps[:1]


def _step(minutes: Sequence[Minute], zone: ZoneInfo) -> Step:
    return Step(
        minutes[0].minuto.astimezone(zone),
        sum(minute.batidas for minute in minutes),
        sum(minute.recebidas for minute in minutes),
        sum(minute.gravadas for minute in minutes),
        max(minute.fila for minute in minutes),
        max((minute.idade for minute in minutes if minute.idade is not None), default=None),
    )


def _busiest(minutes: Iterable[Minute], column: str, zone: ZoneInfo) -> Step | None:
    found = max(
        (minute for minute in minutes if getattr(minute, column)), key=lambda one: getattr(one, column), default=None
    )
    return found and _step([found], zone)


def _floor(local: datetime, size: int) -> tuple[datetime, timedelta | None]:
    """Give what minutes of the same step have in common; hours of different offsets are different steps."""
    of_day = 60 * local.hour + local.minute
    begin = of_day - of_day % size
    start = local.replace(hour=begin // 60, minute=begin % 60, tzinfo=None, fold=0)
    return start, None if size == _STEPS[-1] else local.utcoffset()


def _offset(offset: timedelta) -> str:
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    sign = "\N{MINUS SIGN}" if offset < timedelta(0) else "+"
    return f"{sign}{hours:02}" + (f":{minutes:02}" if minutes else "")
