"""Reports as JSON: the database's names in camelCase, as on the wire, and ISO 8601, whatever the language.

What may be long is written as it comes.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import IO, Any

from tools.kit.output import camel_case
from tools.report.as_csv import clock, instant, local, seconds
from tools.report.dead_letters import Group, Unread
from tools.report.queries import Card, CutOff, Day, Finding, Gap, Limits, Minute, Totals


def card(out: IO[str], found: Card, generated: str) -> None:
    """Write one time card as one document."""
    out.write(json.dumps(camel_case(_card(found, generated)), indent=2, ensure_ascii=False) + "\n")


def cards(out: IO[str], found: Iterable[Card], generated: str) -> None:
    """Write time cards as JSON Lines, the document of one a line."""
    for one in found:
        out.write(json.dumps(camel_case(_card(one, generated)), ensure_ascii=False) + "\n")


def totals(out: IO[str], head: Mapping[str, Any], rows: Iterable[Totals]) -> None:
    """Write the totals of a month as one document, each employee on a line."""
    _listed(out, head, "totais", (one._asdict() for one in rows))


def cutoffs(out: IO[str], head: Mapping[str, Any], rows: Iterable[CutOff]) -> None:
    """Write cut-offs as one document, each employee on a line."""
    _listed(out, head, "cortes", map(_cutoff, rows))


def gaps(out: IO[str], head: Mapping[str, Any], rows: Iterable[Gap]) -> None:
    """Write numbers of devices that are missing, or came twice, as one document, a gap a line."""
    _listed(out, head, "lacunas", map(_gap, rows))


def exceptions(
    out: IO[str],
    head: Mapping[str, Any],
    counts: Mapping[str, int],
    findings: Iterable[Finding],
    groups: list[Group] | Unread,
) -> None:
    """Write exceptions as one document, one on a line of its own.

    Args:
        out: where to.
        head: how the document begins.
        counts: of each kind.
        findings: each.
        groups: the dead letters; or why there are none.
    """
    start = {
        **head,
        "totais": counts,
        "fila_lida": not isinstance(groups, Unread),
        "nao_gravadas": None if isinstance(groups, Unread) else [_group(group) for group in groups],
    }
    _listed(out, start, "excecoes", map(_finding, findings))


def peak(out: IO[str], head: Mapping[str, Any], minutes: Iterable[Minute]) -> None:
    """Write minutes as one document."""
    rows = [
        {"minuto": instant(minute.minuto), **_between(minute), "idade_segundos": seconds(minute.idade)}
        for minute in minutes
    ]
    out.write(json.dumps(camel_case({**head, "minutos": rows}), indent=2, ensure_ascii=False) + "\n")


def limits(found: Limits) -> dict[str, Any]:
    """Give the limits of exceptions, lengths of time in seconds."""
    return {
        name if name == "dias" else f"{name}_segundos": value if name == "dias" else seconds(value)
        for name, value in found._asdict().items()
    }


def _card(found: Card, generated: str) -> dict[str, Any]:
    totals = found.totais._asdict()
    employee = {name: totals.pop(name) for name in ("usuario_id", "nome", "cpf", "fuso")}
    return {
        "mes": f"{found.mes:%Y-%m}",
        "funcionario": employee,
        "dias": [_day(day) for day in found.dias],
        "totais": totals,
        "gerado_em": generated,
    }


def _day(day: Day) -> dict[str, Any]:
    fields: dict[str, Any] = day._asdict()
    del fields["usuario_id"], fields["nome"]
    return fields | {
        "dia": _date(day.dia),
        "pontos": [instant(at) for at in day.pontos],
        "locais": [local(at) for at in day.locais],
        "primeira": local(day.primeira),
        "ultima": local(day.ultima),
        "gravada_em": instant(day.gravada_em),
    }


def _finding(found: Finding) -> dict[str, Any]:
    fields: dict[str, Any] = found._asdict() | {"dia": _date(found.dia), "local": local(found.local)}
    del fields["vezes"]  # each is one
    span = fields.pop("medida")
    return fields | {"medida_segundos": seconds(span)}


def _group(group: Group) -> dict[str, Any]:
    return group._asdict() | {"primeira": instant(group.primeira), "ultima": instant(group.ultima)}


def _between(minute: Minute) -> dict[str, int]:
    return {name: getattr(minute, name) for name in ("batidas", "recebidas", "gravadas", "fila")}


def _date(day: date) -> str:
    return day.isoformat()


def _cutoff(found: CutOff) -> dict[str, Any]:
    fields: dict[str, Any] = found._asdict() | {"corte": clock(found.corte), "sugestao": clock(found.sugestao)}
    span = fields.pop("folga")
    return fields | {"folga_segundos": seconds(span)}


def _gap(gap: Gap) -> dict[str, Any]:
    times = {name: instant(getattr(gap, name)) for name in ("ponto_antes", "ponto_depois", "desde")}
    return gap._asdict() | times


def _listed(out: IO[str], head: Mapping[str, Any], name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write a document that ends with a list, which may be long: an element a line, as they come."""
    out.write(f'{json.dumps(camel_case(head), indent=2, ensure_ascii=False)[:-2]},\n  "{name}": [')
    comma = ""
    for row in rows:
        out.write(f"{comma}\n    {json.dumps(camel_case(row), ensure_ascii=False)}")
        comma = ","
    out.write("\n  ]\n}\n" if comma else "]\n}\n")
