"""The repeatable migrations: views and functions, in files that are applied again when their content has changed.

What PostgreSQL can replace is replaced in place: views that somebody made on top do not notice. Otherwise all that
these files made is dropped, in reverse order and never with CASCADE, and made again. Row types have a file of their
own, for PostgreSQL replaces none.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg2

from ponto.admin.owner import in_our_schema
from ponto.own_schema import schema_of

_SQL = Path(__file__).parent / "sql"
_RECORDED = (_SQL / "repeatable_recorded.sql").read_text(encoding="utf-8")
_RECORD = (_SQL / "repeatable_record.sql").read_text(encoding="utf-8")
_FORGET = (_SQL / "repeatable_forget.sql").read_text(encoding="utf-8")
_EXISTING = (_SQL / "repeatable_existing.sql").read_text(encoding="utf-8")
_GRANTS = (_SQL / "repeatable_grants.sql").read_text(encoding="utf-8")
_GRANT = (_SQL / "repeatable_grant.sql").read_text(encoding="utf-8")

_CREATES = re.compile(rb"^create (?:or replace )?(view|function|type) (\w+)", re.MULTILINE)
# Columns or parameters that CREATE OR REPLACE cannot change, and types, which it does not know. A function with other
# parameters would be a second one: what grants rights on it then, by its bare name, fails.
_NOT_IN_PLACE = (
    psycopg2.errors.InvalidTableDefinition,
    psycopg2.errors.InvalidFunctionDefinition,
    psycopg2.errors.AmbiguousFunction,
    psycopg2.errors.DuplicateObject,
)


class RefusedError(Exception):
    """Something of somebody else's is in the way. The message says what, and what to do."""


class _Recorded(NamedTuple):
    checksum: str
    objects: list[str]  # "view jornada", in the order of their making


def checksum(content: bytes) -> str:
    """Give the SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def apply(cursor: psycopg2.extensions.cursor, files: Mapping[str, bytes]) -> Iterator[str]:
    """Bring views and functions to what the files say, in the transaction of the cursor.

    Yields:
        The name of each file before it is applied, and of each file whose change is why others are applied again: a
        name can come twice. Nothing when no file has changed.

    Args:
        cursor: of the migrations' transaction, whose turn it is.
        files: all repeatable files, by name, in order.

    Raises:
        RefusedError: see there. What was done must be rolled back.
        psycopg2.Error: the file that was yielded last failed. What was done must be rolled back.
    """
    cursor.execute(_RECORDED, {"schema": schema_of(cursor)})
    recorded = {name: _Recorded(checksum, objects) for name, checksum, objects in cursor.fetchall()}
    makes = {name: _objects(content) for name, content in files.items()}
    changed = _changed(cursor, recorded, files)
    if not changed:
        return
    yield changed[0]
    _refuse_what_is_taken(cursor, recorded, makes)
    # What a file no longer makes has to go.
    if all(name in makes and set(before.objects) <= set(makes[name]) for name, before in recorded.items()):
        cursor.execute("savepoint in_place")
        try:
            yield from _run(cursor, {name: files[name] for name in changed}, makes)
        except _NOT_IN_PLACE:
            cursor.execute("rollback to savepoint in_place")
        else:
            return
    yield changed[0]
    cursor.execute(_GRANTS, {"names": _names(before.objects for before in recorded.values())})
    grants = [grant for (grant,) in cursor.fetchall()]
    for name in sorted(recorded, reverse=True):
        for made in reversed(recorded[name].objects):
            _drop(cursor, made)
    cursor.execute(_FORGET, {"schema": schema_of(cursor)})
    yield from _run(cursor, files, makes)
    cursor.execute(_GRANT, {"grants": grants})


def _changed(
    cursor: psycopg2.extensions.cursor, recorded: Mapping[str, _Recorded], files: Mapping[str, bytes]
) -> list[str]:
    """Give the names of the files that differ from what was applied, or of which something was dropped since."""
    there = set(_existing(cursor, _names(before.objects for before in recorded.values())))
    changed = [
        name
        for name, content in files.items()
        if name not in recorded
        or recorded[name].checksum != checksum(content)
        or not there.issuperset(_names([recorded[name].objects]))
    ]
    return changed + [name for name in recorded if name not in files]


def _run(
    cursor: psycopg2.extensions.cursor, files: Mapping[str, bytes], makes: Mapping[str, list[str]]
) -> Iterator[str]:
    for name, content in files.items():
        yield name
        in_our_schema(cursor, content)
        record = {"name": name, "checksum": checksum(content), "objects": makes[name]}
        cursor.execute(_RECORD, {"schema": schema_of(cursor), **record})


def _drop(cursor: psycopg2.extensions.cursor, made: str) -> None:
    try:
        cursor.execute(f"drop {made.replace(' ', ' if exists %(schema)s.')}", {"schema": schema_of(cursor)})
    except psycopg2.errors.DependentObjectsStillExist as error:
        dependents = "; ".join((error.diag.message_detail or "").splitlines())
        raise RefusedError(
            f"this change has to drop {made} and make it anew, but {dependents}. Drop what depends on it yourself, "
            "run the migrations again, and create it again to fit. Nothing was changed."
        ) from error


def _refuse_what_is_taken(
    cursor: psycopg2.extensions.cursor, recorded: Mapping[str, _Recorded], makes: Mapping[str, list[str]]
) -> None:
    """Replace nothing that bears the name of a new view or function, and is not ours."""
    ours = _names(before.objects for before in recorded.values())
    if taken := _existing(cursor, sorted(set(_names(makes.values())) - set(ours))):
        raise RefusedError(f"{', '.join(taken)} exists already and is not this project's; rename or drop it")


def _existing(cursor: psycopg2.extensions.cursor, names: list[str]) -> list[str]:
    """Give those of the names that something in the schema has."""
    cursor.execute(_EXISTING, {"names": names})
    return [name for (name,) in cursor.fetchall()]


def _objects(content: bytes) -> list[str]:
    """What a file makes: "view jornada", in order."""
    return list(dict.fromkeys(f"{kind.decode()} {name.decode()}" for kind, name in _CREATES.findall(content)))


def _names(objects: Iterable[Iterable[str]]) -> list[str]:
    """The bare names of objects, file by file."""
    return [made.partition(" ")[2] for each in objects for made in each]
