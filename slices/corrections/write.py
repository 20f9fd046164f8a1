"""Writing corrections: all of them or none, and a reason for each that is refused.

The form of a correction is checked here, the rest by the table itself (`schema/0002_regras.sql`), so
that whoever writes there by other ways obeys the same rules.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2.errors
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, connection, cursor

from ponto import fields
from ponto.connection import error_message
from ponto.database_names import read_sql

_SQL = {path.stem: read_sql(path) for path in (Path(__file__).parent / "sql").glob("*.sql")}

MOST = 300
"""Corrections that are written together."""

_REASON = range(3, 201)  # characters; as many as the least are visible
_without_blank = re.compile(f"[{fields.BLANK}]").sub
_MOST_QUOTED = 40  # characters of a name that is not known
_is_uuid = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_is_id = re.compile("c[0-9a-f]{7}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE).fullmatch


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
        """Takes them."""
        super().__init__(f"{len(reasons)} refused")
        self.reasons = reasons


def _reason(name: str) -> fields.Field:
    line = fields.display_text(name, _REASON[-1], "")

    def read(value: object) -> str:
        text: str = line.read(value)
        if len(text) not in _REASON or len(_without_blank("", text)) < _REASON[0] or text != text.strip():
            raise ValueError
        return text

    rule = (
        f"must be {_REASON[0]} to {_REASON[-1]} printable characters on one line, three of them visible, "
        "without a space at an end"
    )
    return line._replace(rule=rule, read=read)


def _identifier(name: str, is_one: Any, rule: str) -> fields.Field:
    def read(value: object) -> str:
        if type(value) is str and is_one(value):
            return value.lower()
        raise ValueError

    return fields.Field(name, "", "string", {}, rule, read, required=False)


_FIELDS = {
    "usuario_id": fields.integer("usuarioId", 1, fields.LARGEST, ""),
    "ponto": fields.timestamp("ponto", ""),
    "alvo": _identifier("alvo", _is_uuid, "must be the whole id of a punch or of a correction"),
    "motivo": _reason("motivo"),
    "id": _identifier("id", _is_id, "must be a UUID of version 8 that begins with c"),
}
_NEEDS = {"inclusao": {"usuario_id", "ponto"}, "desconsideracao": {"alvo"}, "anulacao": {"alvo"}}


def read(given: Mapping[str, Any]) -> Correction:
    """Read a correction as the wire has it: `tipo`, `motivo`, and what that kind of correction needs.

    Raises:
        ValueError: saying what is missing, unknown or wrong.
    """
    kind = given.get("tipo")
    if not isinstance(kind, str) or kind not in _NEEDS:
        raise ValueError(f"tipo: must be one of {', '.join(_NEEDS)}")
    needed = _NEEDS[kind] | {"motivo"}
    found: dict[str, Any] = {}
    for column, field in _FIELDS.items():
        value = given.get(field.name)
        if value is None and column in needed:
            raise ValueError(f"{field.name}: is missing")
        if value is None:
            continue
        if column not in needed | {"id"}:
            raise ValueError(f"{field.name}: is not of {kind}")
        try:
            found[column] = field.read(value)
        except ValueError:
            raise ValueError(f"{field.name}: {field.rule}") from None
    if unknown := given.keys() - {"tipo"} - {field.name for field in _FIELDS.values()}:
        raise ValueError(f"{min(unknown)[:_MOST_QUOTED]}: is not known")
    return Correction(kind, **found)


def read_all(given: Sequence[object]) -> list[Correction]:
    """Read corrections as `read` does.

    Raises:
        RefusedError: the form of some is wrong.
    """
    found: list[Correction] = []
    reasons: dict[int, str] = {}
    for position, each in enumerate(given):
        try:
            found.append(read(each if isinstance(each, dict) else {}))
        except ValueError as error:
            reasons[position] = str(error)
    if reasons:
        raise RefusedError(reasons)
    return found


def as_json(written: Written) -> dict[str, object]:
    """Give a correction that is there as the wire has it."""
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
