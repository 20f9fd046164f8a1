"""Parsing corrections, and writing them in one transaction.

This module checks the form of a correction. The table's triggers check everything else (`schema/0002_regras.sql`),
so the same rules apply to corrections that are written by other clients, such as psql.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2.errors
from psycopg2 import extensions

from ponto.shared import fields
from ponto.shared.connection import error_message
from ponto.shared.sql_names import read_sql

_SQL = {path.stem: read_sql(path) for path in (Path(__file__).parent / "sql").glob("*.sql")}

MAX_CORRECTIONS = 300
"""Maximum number of corrections in one transaction."""

MIN_REASON_CHARACTERS = 3  # visible characters
MAX_REASON_CHARACTERS = 200
_INVISIBLE_CHARACTERS = re.compile(f"[{fields.INVISIBLE_CHARACTERS}]")


class Correction(NamedTuple):
    """A correction to write; the fields are columns of `correcao`."""

    tipo: str
    motivo: str
    usuario_id: int | None = None  # None: the employee of the target
    ponto: datetime | None = None  # of an addition; naive: in the employee's time zone
    alvo: str | None = None  # id of the punch or the correction; None: an addition
    id: str | None = None  # None: derived from the other fields


class StoredCorrection(NamedTuple):
    """A correction that is a row of `correcao`."""

    id: str
    usuario_id: int
    ponto: datetime | None  # None: not an addition
    is_new: bool  # False: an equal correction existed already


class CorrectionsRefusedError(Exception):
    """Some corrections are refused, and none was written.

    `reasons` maps the position of each refused correction to its reason.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"{len(reasons)} refused")
        self.reasons = reasons


_parse_display_text = fields.display_text(MAX_REASON_CHARACTERS, "").parse


def _parse_reason(value: object) -> str:
    text: str = _parse_display_text(value)
    if len(_INVISIBLE_CHARACTERS.sub("", text)) < MIN_REASON_CHARACTERS or text != text.strip():
        raise ValueError
    return text


def _parse_id(value: object) -> str:
    correction_id = fields.parse_any_uuid(value)
    if (correction_id[0], correction_id[14]) != ("c", "8"):
        raise ValueError
    return correction_id


def _refuse(_: object) -> str:
    raise ValueError


def _text_field(name: str, error: str, parse: Callable[[object], str], *, required: bool = True) -> fields.Field:
    return fields.Field(name, fields.Kind("text", "", error, parse), required)


REASON_FIELD = _text_field(
    "motivo",
    f"must be {MIN_REASON_CHARACTERS} to {MAX_REASON_CHARACTERS} printable characters on one line, at least "
    f"{MIN_REASON_CHARACTERS} of them visible, without leading or trailing spaces",
    _parse_reason,
)
_FIELDS = {
    "usuario_id": fields.Field("usuarioId", fields.integer(1, fields.MAX_SAFE_INTEGER, ""), required=True),
    "ponto": fields.Field("ponto", fields.timestamp(""), required=True),
    "alvo": _text_field("alvo", "must be the full id of a punch or of a correction", fields.parse_any_uuid),
    "motivo": REASON_FIELD,
    "id": _text_field("id", "must be a UUID of version 8 that begins with c", _parse_id, required=False),
}


def _kind_fields(kind: str, *absent: str) -> dict[str, fields.Field]:
    """Return the fields of a kind of correction. Those named in `absent` refuse any value."""
    error = f"must be absent for {kind}"
    return _FIELDS | {column: _text_field(_FIELDS[column].name, error, _refuse, required=False) for column in absent}


_FIELDS_BY_KIND = {
    "inclusao": _kind_fields("inclusao", "alvo"),
    "desconsideracao": _kind_fields("desconsideracao", "usuario_id", "ponto"),
    "anulacao": _kind_fields("anulacao", "usuario_id", "ponto"),
}


def parse_correction(values: Mapping[str, Any]) -> Correction:
    """Return the correction that a JSON object of the API describes.

    Raises:
        ValueError: a field is missing, unknown or invalid; the message names it.
    """
    kind = values.get("tipo")
    if not isinstance(kind, str) or kind not in _FIELDS_BY_KIND:
        raise ValueError(f"tipo: must be one of {', '.join(_FIELDS_BY_KIND)}")
    others = {name: value for name, value in values.items() if name != "tipo"}
    return Correction(kind, **fields.parse_object(others, _FIELDS_BY_KIND[kind]))


def parse_corrections(corrections: Sequence[object]) -> list[Correction]:
    """Return the corrections that JSON values of the API describe.

    Raises:
        CorrectionsRefusedError: some of them are not valid.
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


def to_json(stored: StoredCorrection) -> dict[str, object]:
    """Return a stored correction as the JSON object of a response."""
    return {
        "id": stored.id,
        "usuarioId": stored.usuario_id,
        "ponto": stored.ponto and stored.ponto.isoformat(),
        "situacao": "gravada" if stored.is_new else "existente",
    }


def write_corrections(
    connection: extensions.connection, corrections: Sequence[Correction], author: str
) -> list[StoredCorrection]:
    """Write corrections, all or nothing, and commit.

    Args:
        connection: has no open transaction. After a `psycopg2.Error` the caller has to close it.
        corrections: are written in this order, so one may refer to an earlier one.
        author: author of all of them.

    Returns:
        The stored corrections in the same order; their times are in the employee's time zone.

    Raises:
        CorrectionsRefusedError: the table refuses some of them.
        psycopg2.Error: the database failed. Nothing was written, unless it failed at the commit.
    """
    connection.set_session(isolation_level=extensions.ISOLATION_LEVEL_READ_COMMITTED)  # which the table requires
    stored: list[StoredCorrection] = []
    refused: dict[int, str] = {}
    with connection.cursor() as cursor:
        cursor.execute("savepoint correction")
        for position, correction in enumerate(corrections):
            try:
                stored.append(_write_correction(cursor, correction, author))
            except psycopg2.errors.CheckViolation as error:
                cursor.execute("rollback to savepoint correction")
                refused[position] = error_message(error)
            else:
                cursor.execute("release savepoint correction; savepoint correction")  # one round trip
    if refused:
        connection.rollback()
        raise CorrectionsRefusedError(refused)
    connection.commit()
    return stored


def _write_correction(cursor: extensions.cursor, correction: Correction, author: str) -> StoredCorrection:
    values = correction._asdict() | {"author": author}
    if correction.ponto:
        cursor.execute(_SQL["set_zone"], values)
        if correction.ponto.tzinfo is None:
            cursor.execute(_SQL["to_instant"], values)
            values["ponto"] = (cursor.fetchone() or (None,))[0]
    cursor.execute(_SQL["insert"], values)
    is_new = cursor.rowcount == 1
    if not is_new:
        cursor.execute(_SQL["select_existing"], values)
    [(identifier, usuario_id, ponto)] = cursor.fetchall()
    return StoredCorrection(identifier, usuario_id, ponto, is_new)
