"""Repeatable migrations: views and functions, in files that are applied again when their content has changed.

What PostgreSQL can replace is replaced in place, so that other people's views on top of it stay. Otherwise everything
that these files created is dropped, never with CASCADE, and created again: for other columns or parameters, and types,
which have a separate file. Each object is created by one file.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from psycopg2 import errors
from psycopg2.extensions import cursor

from ponto.admin import SQL
from ponto.admin.owner import MigrationError, fetch, run_file, translate_errors, try_statement

_REPLACES = re.compile(r"-- replaces: (\S+)\s")
# Columns or parameters that CREATE OR REPLACE cannot change, and types, which it does not know.
_NOT_IN_PLACE = (
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
    """Return the contents of the files to apply, by name, of those of all.

    A file whose first line is `-- replaces: SLICE/views/FILE.sql` is applied in the place of that file.

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


def apply(session: cursor, contents: Mapping[str, str]) -> list[str]:
    """Bring views and functions to the state that the files in force describe, in this transaction.

    Returns:
        The names of the files that were applied; none when no file has changed.

    Raises:
        MigrationError, LockTimeoutError: the transaction must be rolled back.
    """
    recorded = {name: (old_checksum, objects) for name, old_checksum, objects in fetch(session, "recorded_files")}
    files = {name: (checksum(content), _created_by(content)) for name, content in contents.items()}
    old = [each for _, objects in recorded.values() for each in objects]
    new = {each for _, objects in files.values() for each in objects}
    drops = dict(fetch(session, "existing_objects"))  # by object
    removed = [name for name in recorded if name not in files]
    orphans = {each for name in removed for each in recorded[name][1]}  # may have another file's definition
    applied = drops.keys() - orphans
    changed = [name for name, file in files.items() if recorded.get(name) != file or not applied.issuperset(file[1])]
    if not changed and not removed:
        return []
    reason = first_change = (changed + removed)[0]
    if taken := sorted(drops.keys() & new.difference(old)):
        raise MigrationError(
            f"{first_change}: {', '.join(taken)} exists already and is not this project's; rename or drop it"
        )
    if new.issuperset(old):  # otherwise objects have to go
        session.execute("savepoint in_place")
        try:
            _run(session, contents, changed)
        except MigrationError as error:
            if not isinstance(error.__cause__, _NOT_IN_PLACE):
                raise
            reason = str(error).splitlines()[0]
            session.execute("rollback to savepoint in_place")
        else:
            return changed
    with translate_errors(first_change):
        _drop(session, {each: drops[each] for each in reversed(old) if each in drops}, reason)
    _run(session, contents, list(contents))
    return list(contents)


def _run(session: cursor, contents: Mapping[str, str], names: Iterable[str]) -> None:
    """Apply the files of these names, and forget those that are gone."""
    session.execute(SQL["forget_other_files"], {"kept": list(contents)})
    for name in names:
        with translate_errors(name):
            run_file(session, contents[name])
            objects = _created_by(contents[name])
            session.execute(SQL["record_file"], (name, checksum(contents[name]), objects))


def _drop(session: cursor, drops: Mapping[str, str], reason: str) -> None:
    """Drop objects by a statement each, after those that depend on them."""
    while drops:
        dependents = {}
        for name, statement in drops.items():
            if error := try_statement(session, statement, errors.DependentObjectsStillExist):
                dependents[name] = (error.diag.message_detail or "").splitlines()
        if len(dependents) == len(drops):
            name, foreign = min(dependents.items(), key=lambda item: len(item[1]))  # nearest to what is of others
            raise MigrationError(
                f"{reason}: this change has to drop {name} and create it again, but {'; '.join(foreign)}. Drop what "
                "depends on it yourself, run the migrations again, and create it again to fit. Nothing was changed."
            )
        drops = {name: drops[name] for name in dependents}


def _created_by(content: str) -> list[str]:
    """Return the objects that a file creates, in this order: "view jornada"."""
    return list(dict.fromkeys(f"{kind} {name}" for kind, name in _CREATES.findall(content)))
