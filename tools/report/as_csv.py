"""Reports as CSV: the database's names, ISO 8601, points as decimal separators, whatever the language.

Text that somebody typed or a device sent is no formula: a spreadsheet runs what begins with =, +, - or @, so an
apostrophe goes before it, as OWASP advises. Also inside of a text, where a spreadsheet that expects another separator
begins a cell, and before the full-width characters, which some take for the same.
"""

import csv
import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import IO, Any

from tools.report.dead_letters import Group
from tools.report.queries import CutOff, Day, Finding, Gap, Minute, Totals

SEPARATORS = (",", ";")

_FORMULA = re.compile(r"""(^|[;,\t\n"'])(\s*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")

Cell = str | int | float | None


def days(out: IO[str], rows: Iterable[Day], separator: str = SEPARATORS[0]) -> None:
    """Write calendar days, those without punches too; several times in a cell have spaces between."""
    write = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    write(Day._fields)
    for day in rows:
        write(
            (
                day.usuario_id,
                text(day.nome),
                day.dia.isoformat(),
                " ".join(filter(None, map(instant, day.pontos))),
                " ".join(filter(None, map(local, day.locais))),
                day.batidas,
                day.pares,
                day.minutos,
                day.minutos_noturnos,
                _boolean(day.incompleta),
                day.repetidas,
                day.minutos_descanso,
                local(day.primeira),
                local(day.ultima),
                instant(day.gravada_em),
            )
        )


def totals(out: IO[str], rows: Iterable[Totals], separator: str = SEPARATORS[0]) -> None:
    """Write the totals of a month, a row for each employee."""
    write = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    write(Totals._fields)
    for one in rows:
        write(one._replace(nome=text(one.nome)))


def cutoffs(out: IO[str], rows: Iterable[CutOff], separator: str = SEPARATORS[0]) -> None:
    """Write cut-offs, a row for each employee."""
    write = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    write((*CutOff._fields[:-1], "folga_minutos"))
    for one in rows:
        folga = None if one.folga is None else int(one.folga.total_seconds()) // 60
        write((*one._replace(nome=text(one.nome), corte=clock(one.corte), sugestao=clock(one.sugestao))[:-1], folga))


def gaps(out: IO[str], rows: Iterable[Gap], separator: str = SEPARATORS[0]) -> None:
    """Write numbers of devices that are missing, and those that came twice."""
    write = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    write(Gap._fields)
    for gap in rows:
        write((text(gap.dispositivo), *gap[1:5], *map(instant, gap[5:])))


def exceptions(
    out: IO[str], findings: Iterable[Finding], groups: Iterable[Group], separator: str = SEPARATORS[0]
) -> None:
    """Write exceptions, then the dead letters as rows of the kind `nao_gravada`: a reason and how many."""
    write = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    write(("tipo", "usuario_id", "nome", "dia", "id", "local", "dispositivo", "medida_segundos", "batidas", "motivo"))
    for found in findings:
        write(
            (
                found.tipo,
                found.usuario_id,
                text(found.nome),
                found.dia.isoformat(),
                found.id,
                local(found.local),
                text(found.dispositivo),
                seconds(found.medida),
                found.batidas,
                None,
            )
        )
    for group in groups:
        write(
            ("nao_gravada", group.usuario_id, None, None, None, None, None, None, group.quantidade, text(group.motivo))
        )


def peak(out: IO[str], minutes: Iterable[Minute], separator: str = SEPARATORS[0]) -> None:
    """Write minutes."""
    write = csv.writer(out, delimiter=separator, lineterminator="\n").writerow
    write(("minuto", "batidas", "recebidas", "gravadas", "fila", "idade_segundos"))
    for minute in minutes:
        write((instant(minute.minuto), *minute[1:5], seconds(minute.idade)))


def text(value: str | None) -> str | None:
    """Take the formula from a text that came from outside; and the carriage return, which csv puts in no quotes."""
    if not value:
        return value
    return _FORMULA.sub(r"\1\2'", value.replace("\r", " "))


def instant(moment: datetime | None) -> str | None:
    """Write an instant that was read in UTC."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def local(moment: datetime | None) -> str | None:
    """Write a local time to the minute, as the reports count."""
    return moment.isoformat(timespec="minutes") if moment else None


def clock(at: time | None) -> Any:
    """Write a time of day to the minute."""
    return at.isoformat(timespec="minutes") if at else None


def seconds(span: timedelta | None) -> Cell:
    """Write a length of time in seconds, whole ones without a decimal point."""
    if span is None:
        return None
    whole = span.total_seconds()
    return int(whole) if whole.is_integer() else whole


def _boolean(value: bool) -> str:
    return "true" if value else "false"
