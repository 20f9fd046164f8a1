"""Repeatable migrations: files of views and functions that are applied again when their content has changed.

Objects are replaced in place where PostgreSQL allows it, so that users' own views on them stay. Otherwise, for example
if columns, parameters or types change, all objects of these files are dropped, without CASCADE, and created again.
Each object is created by exactly one file.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from psycopg2 import errors

from ponto.schema import SQL
from ponto.schema.owner import Cursor, MigrationError, fetch, run_file, translate_errors, try_statement

_REPLACES = re.compile(r"-- replaces: (\S+)\s")
# Raised if CREATE OR REPLACE cannot change columns or parameters, and for types, which it does not support.
_NOT_REPLACEABLE_ERRORS = (
    errors.InvalidTableDefinition,
    errors.InvalidFunctionDefinition,
    errors.AmbiguousFunction,
    errors.DuplicateObject,
)
_CREATES = re.compile(r"^create (?:or replace )?(view|function|type) (?:ponto\.)?(\w+)", re.MULTILINE)


def checksum(content: str) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()


def select_files(contents: Mapping[str, str]) -> dict[str, str]:
    """Return the contents of the files to apply, by name and in order.

    A file whose first line is `-- replaces: SLICE/views/FILE.sql` is applied instead of that file, in its position.

    Args:
        contents: contents of all files, by name.

    Raises:
        MigrationError: two files create the same object, or a file replaces one that is not applied.
    """
    replaced = {name: match[1] for name, content in contents.items() if (match := _REPLACES.match(content))}
    for name, target in replaced.items():
        if target not in contents or target in replaced:
            raise MigrationError(f"{name}: replaces {target}, which is not applied; name a file that is applied")
    order: list[str] = []
    for name in contents:
        if name not in replaced:
            order += [new for new, target in replaced.items() if target == name] or [name]
    creators: dict[str, str] = {}
    for name in order:
        for created in _created_objects(contents[name]):
            if (other := creators.setdefault(created, name)) != name:
                raise MigrationError(
                    f"{name}: creates {created}, which {other} creates too. Rename it, or begin {name} with the line "
                    f"`-- replaces: {other}` to apply {name} instead of that file"
                )
    return {name: contents[name] for name in order}


def apply(cursor: Cursor, contents: Mapping[str, str]) -> list[str]:
    """Create, replace or drop views and functions, in this transaction, so that they match the files.

    Args:
        cursor: cursor in a transaction of the migrations.
        contents: contents of the files by name, from `select_files`.

    Returns:
        The names of the files that were applied; none if no file has changed.

    Raises:
        MigrationError, LockTimeoutError: the transaction must be rolled back.
    """
    recorded = {name: (old_checksum, objects) for name, old_checksum, objects in fetch(cursor, "recorded_files")}
    files = {name: (checksum(content), _created_objects(content)) for name, content in contents.items()}
    old_objects = [name for _, objects in recorded.values() for name in objects]
    new_objects = {name for _, objects in files.values() for name in objects}
    drops = dict(fetch(cursor, "existing_objects"))  # DROP statements, by object
    removed = [name for name in recorded if name not in files]
    # Objects of a removed file still have its definition, even if another file creates them now.
    orphans = {name for file in removed for name in recorded[file][1]}
    applied = drops.keys() - orphans
    changed = [name for name, file in files.items() if recorded.get(name) != file or not applied.issuperset(file[1])]
    if not changed and not removed:
        return []
    reason = first_change = (changed + removed)[0]
    if conflicts := sorted(drops.keys() & new_objects.difference(old_objects)):
        raise MigrationError(
            f"{first_change}: {', '.join(conflicts)} already exists, but was not created by this project; rename or "
            "drop it"
        )
    if new_objects.issuperset(old_objects):  # otherwise objects have to be dropped
        cursor.execute("savepoint in_place")
        try:
            _run(cursor, contents, changed)
        except MigrationError as error:
            if not isinstance(error.__cause__, _NOT_REPLACEABLE_ERRORS):
                raise
            reason = str(error).splitlines()[0]
            cursor.execute("rollback to savepoint in_place")
        else:
            return changed
    with translate_errors(first_change):
        _drop(cursor, {name: drops[name] for name in reversed(old_objects) if name in drops}, reason)
    _run(cursor, contents, list(contents))
    return list(contents)


def _run(cursor: Cursor, contents: Mapping[str, str], names: Iterable[str]) -> None:
    """Apply the named files, and delete the records of files that are not in `contents`."""
    cursor.execute(SQL["delete_other_files"], {"names": list(contents)})
    for name in names:
        with translate_errors(name):
            run_file(cursor, contents[name])
            objects = _created_objects(contents[name])
            cursor.execute(SQL["record_file"], (name, checksum(contents[name]), objects))


def _drop(cursor: Cursor, drops: Mapping[str, str], reason: str) -> None:
    """Run the DROP statements in an order in which no object is dropped before its dependents."""
    while drops:
        dependents = {}
        for name, statement in drops.items():
            if error := try_statement(cursor, statement, errors.DependentObjectsStillExist):
                dependents[name] = (error.diag.message_detail or "").splitlines()
        if len(dependents) == len(drops):
            # The object with the fewest dependents is the likeliest to have only dependents of other users.
            name, details = min(dependents.items(), key=lambda item: len(item[1]))
            raise MigrationError(
                f"{reason}: this change has to drop {name} and create it again, but {'; '.join(details)}. Drop these "
                "dependents, run the migrations again, and create the dependents again. Nothing was changed."
            )
        drops = {name: drops[name] for name in dependents}


def _created_objects(content: str) -> list[str]:
    """Return the objects that a file creates, in its order, such as "view NAME"."""
    return list(dict.fromkeys(f"{kind} {name}" for kind, name in _CREATES.findall(content)))
