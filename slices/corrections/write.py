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
from psycopg2 import extensions

from ponto import fields
from ponto.connection import error_message
from ponto.sql_names import read_sql

_SQL = {path.stem: read_sql(path) for path in (Path(__file__).parent / "sql").glob("*.sql")}

MAX_CORRECTIONS = 300
"""Corrections that are written together."""

MIN_REASON_CHARACTERS = 3  # as many must be visible
MAX_REASON_CHARACTERS = 200
_BLANKS = re.compile(f"[{fields.INVISIBLE_CHARACTERS}]")


class Correction(NamedTuple):
    """What is asked for, by the columns of `correcao`."""

    tipo: str
    motivo: str
    usuario_id: int | None = None  # None: whose the target is
    ponto: datetime | None = None  # naive: in the employee's time zone
    alvo: str | None = None
    id: str | None = None  # None: derived


class StoredCorrection(NamedTuple):
    """A correction that is there."""

    id: str
    usuario_id: int
    ponto: datetime | None  # of an addition
    is_new: bool  # False: a retry found it


class CorrectionsRefusedError(Exception):
    """Nothing was written. `reasons` has why, by the position of each correction that is refused."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"{len(reasons)} refused")
        self.reasons = reasons


_read_display_text = fields.display_text("", MAX_REASON_CHARACTERS, "").parse


def _read_reason(value: object) -> str:
    text: str = _read_display_text(value)
    if len(_BLANKS.sub("", text)) < MIN_REASON_CHARACTERS or text != text.strip():
        raise ValueError
    return text


def _read_id(value: object) -> str:
    correction_id = fields.parse_any_uuid(value)
    if (correction_id[0], correction_id[14]) != ("c", "8"):
        raise ValueError
    return correction_id


def _refuse(_: object) -> str:
    raise ValueError


def _text_field(name: str, rule: str, read: Callable[[object], str], *, required: bool = True) -> fields.Field:
    return fields.Field(name, "", "string", {}, rule, read, required)


_FIELDS = {
    "usuario_id": fields.integer("usuarioId", 1, fields.MAX_SAFE_INTEGER, "", required=True),
    "ponto": fields.timestamp("ponto", "", required=True),
    "alvo": _text_field("alvo", "must be the whole id of a punch or of a correction", fields.parse_any_uuid),
    "motivo": _text_field(
        "motivo",
        f"must be {MIN_REASON_CHARACTERS} to {MAX_REASON_CHARACTERS} printable characters on one line, three of them "
        "visible, without a space at an end",
        _read_reason,
    ),
    "id": _text_field("id", "must be a UUID of version 8 that begins with c", _read_id, required=False),
}


def _kind_fields(kind: str, *absent: str) -> dict[str, fields.Field]:
    """Return the fields of a kind of correction, which has none of these columns."""
    rule = f"is not of {kind}"
    return _FIELDS | {column: _text_field(_FIELDS[column].name, rule, _refuse, required=False) for column in absent}


_FIELDS_BY_KIND = {
    "inclusao": _kind_fields("inclusao", "alvo"),
    "desconsideracao": _kind_fields("desconsideracao", "usuario_id", "ponto"),
    "anulacao": _kind_fields("anulacao", "usuario_id", "ponto"),
}


def parse_correction(values: Mapping[str, Any]) -> Correction:
    """Read a correction as the wire has it: `tipo`, `motivo`, and what that kind of correction needs.

    Raises:
        ValueError: saying what is missing, unknown or wrong.
    """
    kind = values.get("tipo")
    if not isinstance(kind, str) or kind not in _FIELDS_BY_KIND:
        raise ValueError(f"tipo: must be one of {', '.join(_FIELDS_BY_KIND)}")
    others = {name: value for name, value in values.items() if name != "tipo"}
    return Correction(kind, **fields.parse_object(others, _FIELDS_BY_KIND[kind]))


def parse_corrections(corrections: Sequence[object]) -> list[Correction]:
    """Read corrections as `parse_correction` does.

    Raises:
        CorrectionsRefusedError: the form of some is wrong.
    """
    result: list[Correction] = []
    reasons: dict[int, str] = {}
    for position, values in enumerate(corrections):
        try:
            result.append(parse_correction(values if isinstance(values, dict) else {}))
        except ValueError as error:
            reasons[position] = str(error)
    if reasons:
        raise CorrectionsRefusedError(reasons)
    return result


def to_json(written: StoredCorrection) -> dict[str, object]:
    """Return a correction that is there as the wire has it."""
    return {
        "id": written.id,
        "usuarioId": written.usuario_id,
        "ponto": written.ponto and written.ponto.isoformat(),
        "situacao": "gravada" if written.is_new else "existente",
    }


def write_corrections(
    connection: extensions.connection, corrections: Sequence[Correction], author: str | None
) -> list[StoredCorrection]:
    """Write corrections in one transaction, and commit.

    Args:
        connection: outside of any transaction, of a role that may. Whoever gets another error closes it.
        corrections: what the table refuses is decided in this order: one may be of another before it.
        author: who answers for them; None: whoever signed in to the database.

    Raises:
        CorrectionsRefusedError: the table refuses some of them.
        psycopg2.Error: it cannot be done. Nothing was written.
    """
    connection.set_session(isolation_level=extensions.ISOLATION_LEVEL_READ_COMMITTED)  # as the table's rules ask
    written: list[StoredCorrection] = []
    refused: dict[int, str] = {}
    with connection.cursor() as cursor:
        cursor.execute("savepoint correction")
        for position, each in enumerate(corrections):
            try:
                written.append(_write_correction(cursor, each, author))
            except psycopg2.errors.CheckViolation as error:
                cursor.execute("rollback to savepoint correction")
                refused[position] = error_message(error)
            else:
                cursor.execute("release savepoint correction; savepoint correction")  # in one round trip
    if refused:
        connection.rollback()
        raise CorrectionsRefusedError(refused)
    connection.commit()
    return written


def _write_correction(cursor: extensions.cursor, correction: Correction, author: str | None) -> StoredCorrection:
    values = correction._asdict() | {"author": author}
    if correction.ponto:
        cursor.execute(_SQL["set_zone"], values)
        if correction.ponto.tzinfo is None:
            cursor.execute(_SQL["to_instant"], values)
            values["ponto"] = (cursor.fetchone() or (None,))[0]
    cursor.execute(_SQL["insert" if author else "insert_by_login"], values)
    is_new = cursor.rowcount == 1
    if not is_new:
        cursor.execute(_SQL["select_existing"], values)
    [(identifier, usuario_id, ponto)] = cursor.fetchall()
    return StoredCorrection(identifier, usuario_id, ponto, is_new)
