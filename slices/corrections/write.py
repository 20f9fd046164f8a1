"""Writing corrections: all of them or none, and a reason for each that is refused.

The form of a correction is checked here, the rest by the table itself (`schema/0002_regras.sql`), so
that whoever writes there by other ways obeys the same rules.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2.errors
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, connection, cursor

from ponto import fields
from ponto.connection import error_message
from ponto.database_names import read_sql

_SQL = {path.stem: read_sql(path) for path in (Path(__file__).parent / "sql").glob("*.sql")}

MAX_CORRECTIONS = 300
"""Corrections that are written together."""

_REASON = range(3, 201)  # characters; as many as the least are visible
_without_blank = re.compile(f"[{fields.BLANK}]").sub


class Correction(NamedTuple):
    """What is asked for, by the columns of `correcao`."""

    tipo: str
    motivo: str
    usuario_id: int | None = None  # None: whose the target is
    ponto: datetime | None = None  # naive: in the employee's time zone
    alvo: str | None = None
    id: str | None = None  # None: derived


class Written(NamedTuple):
    """A correction that is there."""

    id: str
    usuario_id: int
    ponto: datetime | None  # of an addition
    is_new: bool  # False: a retry found it


class RefusedError(Exception):
    """Nothing was written. `reasons` has why, by the position of each correction that is refused."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"{len(reasons)} refused")
        self.reasons = reasons


_read_line = fields.display_text("", _REASON[-1], "").read


def _read_reason(value: object) -> str:
    text: str = _read_line(value)
    if len(text) not in _REASON or len(_without_blank("", text)) < _REASON[0] or text != text.strip():
        raise ValueError
    return text


def _read_id(value: object) -> str:
    correction_id = fields.read_uuid(value)
    if (correction_id[0], correction_id[14]) != ("c", "8"):
        raise ValueError
    return correction_id


def _refuse(_: object) -> str:
    raise ValueError


def _text(name: str, rule: str, read: Callable[[object], str], *, required: bool = True) -> fields.Field:
    return fields.Field(name, "", "string", {}, rule, read, required)


_FIELDS = {
    "usuario_id": fields.integer("usuarioId", 1, fields.MAX_INTEGER, "", required=True),
    "ponto": fields.timestamp("ponto", "", required=True),
    "alvo": _text("alvo", "must be the whole id of a punch or of a correction", fields.read_uuid),
    "motivo": _text(
        "motivo",
        f"must be {_REASON[0]} to {_REASON[-1]} printable characters on one line, three of them visible, "
        "without a space at an end",
        _read_reason,
    ),
    "id": _text("id", "must be a UUID of version 8 that begins with c", _read_id, required=False),
}


def _fields_of(kind: str, *absent: str) -> dict[str, fields.Field]:
    """Return the fields of a kind of correction, which has none of these columns."""
    rule = f"is not of {kind}"
    return _FIELDS | {column: _text(_FIELDS[column].name, rule, _refuse, required=False) for column in absent}


_FIELDS_BY_KIND = {
    "inclusao": _fields_of("inclusao", "alvo"),
    "desconsideracao": _fields_of("desconsideracao", "usuario_id", "ponto"),
    "anulacao": _fields_of("anulacao", "usuario_id", "ponto"),
}


def read(values: Mapping[str, Any]) -> Correction:
    """Read a correction as the wire has it: `tipo`, `motivo`, and what that kind of correction needs.

    Raises:
        ValueError: saying what is missing, unknown or wrong.
    """
    kind = values.get("tipo")
    if not isinstance(kind, str) or kind not in _FIELDS_BY_KIND:
        raise ValueError(f"tipo: must be one of {', '.join(_FIELDS_BY_KIND)}")
    others = {name: value for name, value in values.items() if name != "tipo"}
    return Correction(kind, **fields.read_object(others, _FIELDS_BY_KIND[kind]))


def read_all(corrections: Sequence[object]) -> list[Correction]:
    """Read corrections as `read` does.

    Raises:
        RefusedError: the form of some is wrong.
    """
    result: list[Correction] = []
    reasons: dict[int, str] = {}
    for position, values in enumerate(corrections):
        try:
            result.append(read(values if isinstance(values, dict) else {}))
        except ValueError as error:
            reasons[position] = str(error)
    if reasons:
        raise RefusedError(reasons)
    return result


def as_json(written: Written) -> dict[str, object]:
    """Return a correction that is there as the wire has it."""
    return {
        "id": written.id,
        "usuarioId": written.usuario_id,
        "ponto": written.ponto and written.ponto.isoformat(),
        "situacao": "gravada" if written.is_new else "existente",
    }


def write(database: connection, asked: Sequence[Correction], author: str | None) -> list[Written]:
    """Write corrections in one transaction, and commit.

    Args:
        database: outside of any transaction, of a role that may. Whoever gets another error closes it.
        asked: what the table refuses is decided in this order: one may be of another before it.
        author: who answers for them; None: whoever signed in to the database.

    Raises:
        RefusedError: the table refuses some of them.
        psycopg2.Error: it cannot be done. Nothing was written.
    """
    database.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)  # as the table's rules ask
    written: list[Written] = []
    refused: dict[int, str] = {}
    with database.cursor() as session:
        session.execute("savepoint correction")
        for position, each in enumerate(asked):
            try:
                written.append(_written(session, each, author))
            except psycopg2.errors.CheckViolation as error:
                session.execute("rollback to savepoint correction")
                refused[position] = error_message(error)
            else:
                session.execute("release savepoint correction; savepoint correction")  # in one round trip
    if refused:
        database.rollback()
        raise RefusedError(refused)
    database.commit()
    return written


def _written(session: cursor, asked: Correction, author: str | None) -> Written:
    values = asked._asdict() | {"author": author}
    if asked.ponto:
        session.execute(_SQL["zone"], values)
        if asked.ponto.tzinfo is None:
            session.execute(_SQL["instant"], values)
            values["ponto"] = (session.fetchone() or (None,))[0]
    session.execute(_SQL["insert" if author else "insert_own"], values)
    is_new = session.rowcount == 1
    if not is_new:
        session.execute(_SQL["standing"], values)
    [(identifier, usuario_id, ponto)] = session.fetchall()
    return Written(identifier, usuario_id, ponto, is_new)
