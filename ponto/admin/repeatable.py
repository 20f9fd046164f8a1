"""Repeatable migrations: views and functions, in files that are applied again when their content has changed.

What PostgreSQL can replace is replaced in place, so that other people's views on top of it stay. Otherwise everything
that these files created is dropped, never with CASCADE, and created again. Row types have a file of their own, because
PostgreSQL cannot replace a type.

Each object is created by one file. A file whose first line is `-- replaces: SLICE/views/FILE.sql` is applied in the
place of that file, which is not applied.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import quote_ident

from ponto.admin import SQL
from ponto.admin.errors import MigrationError, error_context
from ponto.admin.own_schema import run_file
from ponto.database_names import SCHEMA

_REPLACES = re.compile(r"-- replaces: (\S+)\s")
_CREATES = re.compile(r"^create (?:or replace )?(view|function|type) (?:ponto\.)?(\w+)", re.MULTILINE)
_IS_OBJECT = re.compile(r"(view|function|type) [a-z_][a-z0-9_]*").fullmatch  # as a file can create it
# Columns or parameters that CREATE OR REPLACE cannot change, and types, which it does not know. A function with other
# parameters would be a second one: what grants rights on it then, by its bare name, fails.
_NOT_REPLACEABLE = (
    psycopg2.errors.InvalidTableDefinition,
    psycopg2.errors.InvalidFunctionDefinition,
    psycopg2.errors.AmbiguousFunction,
    psycopg2.errors.DuplicateObject,
)


class _File(NamedTuple):
    """A file as it is, or as it was when it was applied."""

    name: str
    checksum: str
    objects: list[str]  # "view jornada", in the order of their creation


def checksum(content: str) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()


def select_in_force(contents: Mapping[str, str]) -> dict[str, str]:
    """Return the files to apply, in their order, each that replaces another in the place of that one.

    Args:
        contents: of all files, by name.

    Raises:
        MigrationError: two files create one object, or a file replaces one that is not applied.
    """
    replaced = {name: match[1] for name, content in contents.items() if (match := _REPLACES.match(content))}
    for name, target in replaced.items():
        if target not in contents or target in replaced:
            raise MigrationError(f"{name}: replaces {target}, which is not applied; name a file that is")
    order: list[str] = []
    for name in contents:
        if name not in replaced:
            order += [new for new, target in replaced.items() if target == name] or [name]
    creators: dict[str, str] = {}
    for name in order:
        for created in _created_by(contents[name]):
            if (other := creators.setdefault(created, name)) != name:
                raise MigrationError(
                    f"{name}: creates {created}, as {other} does. Rename it, or begin {name} with the line "
                    f"`-- replaces: {other}`, so that it is applied in place of that file"
                )
    return {name: contents[name] for name in order}


def apply(cursor: psycopg2.extensions.cursor, contents: Mapping[str, str]) -> list[str]:
    """Bring views and functions to the state that the files describe, in this transaction.

    Args:
        cursor: of a transaction.
        contents: of the files in force, by name, in the order of their application.

    Returns:
        The names of the files that were applied; none when no file has changed.

    Raises:
        MigrationError, LockTimeoutError: the transaction must be rolled back.
    """
    cursor.execute(SQL["recorded_files"])
    recorded = {row[0]: _File(*row) for row in cursor.fetchall()}
    for file in recorded.values():
        if unknown := [name for name in file.objects if not _IS_OBJECT(name)]:
            raise MigrationError(
                f"migracao_repetivel, row {file.name}: objetos has {unknown[0]!r}, which no file creates"
            )
    files = {name: _File(name, checksum(content), _created_by(content)) for name, content in contents.items()}
    old, new = _objects(recorded.values()), _objects(files.values())
    existing = _existing_names(cursor, old | new)
    removed = [name for name in recorded if name not in files]
    orphans = _objects(recorded[name] for name in removed)  # may have another file's definition
    changed = [
        name
        for name, file in files.items()
        if recorded.get(name) != file
        or not existing.issuperset(_bare_names(file.objects))
        or not orphans.isdisjoint(file.objects)
    ]
    if not changed and not removed:
        return []
    first_change = (changed + removed)[0]
    if taken := sorted(existing & _bare_names(new) - _bare_names(old)):
        raise MigrationError(
            f"{first_change}: {', '.join(taken)} exists already and is not this project's; rename or drop it"
        )
    if old <= new:  # otherwise objects have to go
        cursor.execute("savepoint in_place")
        try:
            _run(cursor, contents, files, changed)
        except MigrationError as error:
            if not isinstance(error.__cause__, _NOT_REPLACEABLE):
                raise
            cursor.execute("rollback to savepoint in_place")
        else:
            return changed
    with error_context(first_change):
        _drop(cursor, [name for file in recorded.values() for name in file.objects], first_change)
    _run(cursor, contents, files, list(files))
    return list(files)


def _run(
    cursor: psycopg2.extensions.cursor, contents: Mapping[str, str], files: Mapping[str, _File], names: Iterable[str]
) -> None:
    """Apply the files of these names, and forget those that are gone."""
    cursor.execute(SQL["forget_other_files"], {"kept": list(files)})
    for name in names:
        with error_context(name):
            run_file(cursor, contents[name])
            cursor.execute(SQL["record_file"], files[name]._asdict())


def _drop(cursor: psycopg2.extensions.cursor, objects: list[str], change: str) -> None:
    """Drop objects, each after those that depend on it."""
    remaining = objects[::-1]
    while remaining:
        dependents: dict[str, list[str]] = {}
        for name in remaining:
            cursor.execute("savepoint drop_one")
            kind, _, bare_name = name.partition(" ")
            try:
                cursor.execute(f"drop {kind} if exists {quote_ident(SCHEMA, cursor)}.{quote_ident(bare_name, cursor)}")
            except psycopg2.errors.DependentObjectsStillExist as error:
                dependents[name] = (error.diag.message_detail or "").splitlines()
                cursor.execute("rollback to savepoint drop_one")
        if len(dependents) == len(remaining):
            name, foreign = min(dependents.items(), key=lambda item: len(item[1]))  # nearest to what is not ours
            raise MigrationError(
                f"{change}: this change has to drop {name} and make it anew, but {'; '.join(foreign)}. Drop what "
                "depends on it yourself, run the migrations again, and create it again to fit. Nothing was changed."
            )
        remaining = list(dependents)


def _existing_names(cursor: psycopg2.extensions.cursor, objects: Iterable[str]) -> set[str]:
    """Return those of the objects' bare names that an object of the schema has."""
    cursor.execute(SQL["existing_names"], {"schema": SCHEMA, "names": list(_bare_names(objects))})
    return {name for (name,) in cursor.fetchall()}


def _created_by(content: str) -> list[str]:
    return list(dict.fromkeys(f"{kind} {name}" for kind, name in _CREATES.findall(content)))


def _objects(files: Iterable[_File]) -> set[str]:
    return {name for file in files for name in file.objects}


def _bare_names(objects: Iterable[str]) -> set[str]:
    return {name.partition(" ")[2] for name in objects}
