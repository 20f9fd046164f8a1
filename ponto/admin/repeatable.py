"""The repeatable migrations: views and functions, in files that are applied again when their content has changed.

What PostgreSQL can replace is replaced in place: views that somebody made on top do not notice. Otherwise all that
these files made is dropped, never with CASCADE, and made again. Row types have a file of their own, for PostgreSQL
replaces none.

A file may replace what one before it made. Whenever that one is applied again, so is the replacement; and when the
replacement goes, that one.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import quote_ident

from ponto.admin import SQL
from ponto.admin.own_schema import run_file
from ponto.database_names import SCHEMA

_CREATES = re.compile(r"^create (?:or replace )?(view|function|type) (?:ponto\.)?(\w+)", re.MULTILINE)
_IS_OBJECT = re.compile(r"(view|function|type) [a-z_][a-z0-9_]*").fullmatch  # as a file can create it
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


class _File(NamedTuple):
    """A file as it is, or as it was when it was applied."""

    checksum: str
    makes: list[str]  # "view jornada", in order


def checksum(content: str) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()


def apply(cursor: psycopg2.extensions.cursor, contents: Mapping[str, str]) -> Iterator[str]:
    """Bring views and functions to what the files, by name and in the order of their making, say, in this transaction.

    Yields:
        The name of each file before it is applied, and of each file whose change is why others are applied again: a
        name can come twice. Nothing when no file has changed.

    Raises:
        RefusedError, psycopg2.Error: the file that was yielded last failed. What was done must be rolled back.
    """
    cursor.execute(SQL["repeatable_recorded"], {})
    recorded = {name: _File(checksum, makes) for name, checksum, makes in cursor.fetchall()}
    for name, file in recorded.items():
        if unknown := [made for made in file.makes if not _IS_OBJECT(made)]:
            raise RefusedError(f"migracao_repetivel, row {name}: objetos has {unknown[0]!r}, which no file creates")
    files = {name: _File(checksum(content), _made_by(content)) for name, content in contents.items()}
    changed = _changed(cursor, recorded, files)
    if not changed:
        return
    yield changed[0]
    ours, wanted = _objects(recorded), _objects(files)
    if taken := _existing(cursor, sorted(_names(wanted) - _names(ours))):
        raise RefusedError(f"{', '.join(taken)} exists already and is not this project's; rename or drop it")
    if ours.keys() <= wanted.keys():  # what nothing makes any more has to go
        cursor.execute("savepoint in_place")
        try:
            yield from _run(cursor, contents, files, _again(changed, recorded, files))
        except _NOT_IN_PLACE:
            cursor.execute("rollback to savepoint in_place")
        else:
            return
    yield changed[0]
    # As they were made, before what came later.
    _drop(cursor, [made for made in wanted if made in ours] + [made for made in ours if made not in wanted])
    yield from _run(cursor, contents, files, list(files))


def _changed(
    cursor: psycopg2.extensions.cursor, recorded: Mapping[str, _File], files: Mapping[str, _File]
) -> list[str]:
    """Give the names of the files that differ from what was applied, or of which something was dropped since."""
    there = set(_existing(cursor, list(_names(_objects(recorded)))))
    changed = [
        name
        for name, file in files.items()
        if name not in recorded
        or recorded[name].checksum != file.checksum
        or not there.issuperset(_names(recorded[name].makes))
    ]
    return changed + [name for name in recorded if name not in files]


def _again(changed: list[str], recorded: Mapping[str, _File], files: Mapping[str, _File]) -> list[str]:
    """Give the files to apply: changed ones, those that made what these replace no more, and what replaces them all."""
    touched = {
        made
        for name in changed
        if name in recorded
        for made in recorded[name].makes
        if name not in files or made not in files[name].makes
    }
    again = []
    for name, file in files.items():
        if name in changed or touched.intersection(file.makes):
            again.append(name)
            touched.update(file.makes)
    return again


def _run(
    cursor: psycopg2.extensions.cursor, contents: Mapping[str, str], files: Mapping[str, _File], names: list[str]
) -> Iterator[str]:
    """Apply these of the files, and forget those that are gone."""
    cursor.execute(SQL["repeatable_forget"], {"kept": list(files)})
    for name in names:
        yield name
        run_file(cursor, contents[name])
        record = {"name": name, "checksum": files[name].checksum, "objects": files[name].makes}
        cursor.execute(SQL["repeatable_record"], record)


def _drop(cursor: psycopg2.extensions.cursor, objects: list[str]) -> None:
    """Drop what was made, the last first. What a replacement depends on goes after what depends on the replacement."""
    left = objects[::-1]
    while left:
        in_use: dict[str, list[str]] = {}  # by what
        for made in left:
            cursor.execute("savepoint drop_one")
            try:
                kind, _, name = made.partition(" ")
                cursor.execute(f"drop {kind} if exists {quote_ident(SCHEMA, cursor)}.{quote_ident(name, cursor)}")
            except psycopg2.errors.DependentObjectsStillExist as error:
                in_use[made] = (error.diag.message_detail or "").splitlines()
                cursor.execute("rollback to savepoint drop_one")
        if len(in_use) == len(left):
            made, dependents = min(in_use.items(), key=lambda item: len(item[1]))  # nearest to what is not ours
            raise RefusedError(
                f"this change has to drop {made} and make it anew, but {'; '.join(dependents)}. Drop what depends on "
                "it yourself, run the migrations again, and create it again to fit. Nothing was changed."
            )
        left = list(in_use)


def _existing(cursor: psycopg2.extensions.cursor, names: list[str]) -> list[str]:
    """Give those of the names that something in the schema has."""
    cursor.execute(SQL["repeatable_existing"], {"schema": SCHEMA, "names": names})
    return [name for (name,) in cursor.fetchall()]


def _made_by(content: str) -> list[str]:
    """What a file makes: "view jornada", in order."""
    return list(dict.fromkeys(f"{kind} {name}" for kind, name in _CREATES.findall(content)))


def _objects(files: Mapping[str, _File]) -> dict[str, None]:
    """What files make, each once, where it is made first."""
    return dict.fromkeys(made for file in files.values() for made in file.makes)


def _names(objects: Iterable[str]) -> set[str]:
    """The bare names of objects."""
    return {made.partition(" ")[2] for made in objects}
