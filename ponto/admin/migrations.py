"""Bringing a database to the current schema: the files of `ponto/schema` and of the slices' `schema`, once, in order.

A file is recorded as its slice's name, or `ponto`, and its own: `ponto/0001_batida.sql`. All that a run applies is
one transaction, but for files named `*.concurrently.sql`: such a file makes one index, which has the file's name
without the number, without holding up inserts, and no transaction can do that. What comes before it is committed.
Files of the folder `views` are applied again when their content has changed; see `repeatable`. For `roles.sql` see
`roles.make`, for `rights.sql` see `rights.enforce`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import quote_ident

import slices
from ponto.admin import SQL, repeatable, rights, roles
from ponto.admin.own_schema import create_schema, protect_writes, run_file
from ponto.admin.owner import connected
from ponto.admin.repeatable import checksum
from ponto.connection import Parameters
from ponto.database_names import SCHEMA

REFERENCE = {"ponto": Path(__file__).parents[1] / "schema"}
"""The folder of the reference's migrations, by its name."""

_CONCURRENTLY = ".concurrently.sql"
_ADVISORY_MS = 500
"""ms that a statement waits for the advisory lock before it asks again. An index that the other run builds waits for
that statement, and after 1 s PostgreSQL would end one of the two as deadlocked."""


class Patience(NamedTuple):
    """How long migrations wait, and let others wait.

    While a migration waits for a table that an open report reads, every insert waits behind it. So it gives up sooner
    than an insert does (`lock_ms` of the store), rolls all back, and tries again after the inserts had their time.
    """

    tries: int = 12  # a minute in all
    lock_ms: int = 2_000  # for one lock
    pause_s: float = 3  # between two tries
    advisory_ms: int = 600_000  # for another run of the migrations, which may copy rows: below the function's 900 s
    idle_ms: int = 5_000  # how long a client that was stopped keeps its locks: more than the pause


PATIENCE = Patience()


class MigrationError(Exception):
    """A migration failed, or could not begin. The message names it, and says why, and what was changed."""


class Migrated(NamedTuple):
    applied: list[str]  # file names, in order; empty when there was nothing to do
    notices: list[str]  # what the migrations report: how many rows they copied, ...


class _Files(NamedTuple):
    """What the folders hold, by slice and name."""

    roles: dict[str, str]  # by slice; empty: it has none
    rights: Mapping[str, str]  # by slice; empty: it has none
    numbered: Mapping[str, str]
    views: Mapping[str, str]


def folders(names: Iterable[str]) -> dict[str, Path]:
    """Give the folders of the reference's migrations and of slices', each behind those that it needs.

    Raises:
        MigrationError: one is no slice's name, or has no such folder. It would count as a slice without migrations, and
            what it was meant to name as one that is gone.
    """
    of_slices = {name: Path(slices.__path__[0]) / name / "schema" for name in names}
    for name, folder in of_slices.items():
        if not name.isidentifier():  # a path could name SQL of another folder
            raise MigrationError(f"SLICES: {name!r} is not the name of a slice; package and deploy again")
        if name in REFERENCE or not folder.is_dir():
            raise MigrationError(f"SLICES: there is no slices/{name}/schema; package and deploy anew")
    return REFERENCE | of_slices


def migrate(
    parameters: Parameters, time_zone: str, schema: Mapping[str, Path] = REFERENCE, patience: Patience = PATIENCE
) -> Migrated:
    """Apply the migrations that the database has not had yet, and the views that have changed.

    All of them or none; where a file is to be applied concurrently, all before it, that file, all after it. Safe to
    call at any time and from several places at once: the second caller waits for the first. Of a slice whose folder is
    not there the tables stay, views and functions go, and its roles may not sign in; that is reported. If the database
    has all migrations of a folder and others, a newer release was there: views stay as they are, and that is reported.

    Args:
        parameters: of a user who owns the database.
        time_zone: the stage's, by its IANA name ("America/Sao_Paulo"). It becomes the database's default, and
            local times of older tables are read in it.
        schema: as of `folders`.
        patience: how long to wait for locks.

    Raises:
        MigrationError: the time zone is unknown, a migration failed or did not get its locks, or what was applied
            before is not what the folders hold: one of the files was edited, is missing though others of its slice are
            pending, or comes before one that was applied; or the database is of before there were slices. Or a view of
            somebody's own depends on what would have to be dropped.
        NotOwnSchemaError: see `ponto.admin.own_schema`.
        psycopg2.Error: no connection, after all tries of `connect`; or it broke.
    """
    files = _read(schema)
    applied: list[str] = []
    with connected(parameters) as connection:
        _take_lock(connection, patience)
        while True:
            step = _patiently(connection, lambda: _apply(connection, files, time_zone), patience)
            applied += step.applied
            if step.then is None:
                return Migrated(applied, [notice.strip() for notice in connection.notices] + step.notices)
            _build(connection, step.then, files.numbered[step.then], patience)
            applied.append(step.then)


class _Step(NamedTuple):
    applied: list[str]  # in one transaction
    then: str | None  # the file that comes next, to be applied concurrently
    notices: list[str]


class _LockedError(Exception):
    """The migration of this name waited for a lock as long as it may."""


def _take_lock(connection: psycopg2.extensions.connection, patience: Patience) -> None:
    advisory_ms = min(_ADVISORY_MS, patience.advisory_ms)
    waits = {"idle": str(patience.idle_ms), "advisory": str(advisory_ms), "lock": str(patience.lock_ms)}
    end = time.monotonic() + patience.advisory_ms / 1000
    connection.autocommit = True
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(SQL["migrations_lock"], waits)
        except psycopg2.errors.LockNotAvailable as error:
            if time.monotonic() >= end:
                raise MigrationError(
                    f"another run of the migrations has not ended in {patience.advisory_ms / 1000:g} s; "
                    f"{_those(_holders(connection))}. Nothing was changed."
                ) from error
        else:
            break
    connection.autocommit = False


def _patiently(connection: psycopg2.extensions.connection, apply: Callable[[], _Step], patience: Patience) -> _Step:
    """Try until it gets the locks that it needs."""
    holders: dict[Any, str] = {}
    noticed = len(connection.notices)
    for attempt in range(1, patience.tries + 1):
        if attempt > 1:
            time.sleep(patience.pause_s)
        try:
            return apply()
        except _LockedError as locked:
            name = str(locked)
            connection.rollback()
            del connection.notices[noticed:]
            # Whoever was there at the try before too: inserts come and go.
            found = _holders(connection)
            connection.rollback()
            holders = {key: who for key, who in found.items() if attempt == 1 or key in holders}
    raise MigrationError(
        f"{name}: did not get a lock that it needs, tried {patience.tries} times for {patience.lock_ms / 1000:g} s; "
        f"{_those(holders)}. It was undone; try again when that transaction has ended."
    )


def _read(schema: Mapping[str, Path]) -> _Files:
    def numbered(pattern: str) -> dict[str, str]:
        return {
            f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes().decode()  # line ends as they are
            for name, folder in schema.items()
            for path in sorted(folder.glob(pattern))
        }

    def by_slice(file: str) -> dict[str, str]:
        paths = {name: folder / file for name, folder in schema.items()}
        return {name: path.read_text(encoding="utf-8") if path.exists() else "" for name, path in paths.items()}

    return _Files(by_slice("roles.sql"), by_slice("rights.sql"), numbered("[0-9]*.sql"), numbered("views/*.sql"))


def _apply(connection: psycopg2.extensions.connection, files: _Files, time_zone: str) -> _Step:
    """Apply what one transaction can, and commit. Whatever leaves early is rolled back by closing the connection."""
    with connection.cursor() as cursor:
        name = "before the first migration"
        try:
            cursor.execute(SQL["schema_search_path"])
            _refuse_release_candidate(cursor)
            rights_before = rights.held(cursor)
            create_schema(cursor)
            rights.revoke_defaults(cursor, rights_before)
            cursor.execute(SQL["migrations_begin"], {"time_zone": time_zone})
            applied = dict(cursor.fetchall())
            pending = _pending(files.numbered, applied)
            protect_writes(cursor, all_tables=bool(pending))
            notices = _left(files, applied)
            try:
                roles.make(cursor, files.roles)
            except psycopg2.errors.InternalError_ as error:  # "tuple concurrently updated": by another database's run
                raise _LockedError(name) from error
            now = list(takewhile(lambda name: not name.endswith(_CONCURRENTLY), pending))
            for name in now:
                content = files.numbered[name]
                run_file(cursor, content)
                cursor.execute(SQL["migrations_record"], {"name": name, "checksum": checksum(content)})
            again: set[str] = set()
            notices += roles.members(cursor)
            own = roles.slices_by_role(cursor)
            removed = {role for role, slice_name in own.items() if slice_name not in files.roles}
            if now != pending:
                rights.revoke_defaults(cursor, rights_before)
            elif _newer(files, applied):
                notices += rights.revoke_of_others(cursor, rights_before, own.keys() - removed)
            else:
                for name in repeatable.apply(cursor, files.views):
                    again.add(name)
                notices += rights.enforce(cursor, files.rights, rights_before, own, removed)
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected) as error:
            raise _LockedError(name) from error
        except rights.DeclarationError as error:
            raise MigrationError(str(error)) from error
        except (psycopg2.DatabaseError, repeatable.RefusedError, roles.RolesRefusedError) as error:
            raise MigrationError(f"{name}: {str(error).strip()}") from error
    connection.commit()
    views = [name for name in files.views if name in again]
    return _Step([*now, *views], None if now == pending else pending[len(now)], notices)


def _refuse_release_candidate(cursor: psycopg2.extensions.cursor) -> None:
    cursor.execute(SQL["migrations_release_candidate"], {})
    for (schema,) in cursor.fetchall():
        raise MigrationError(
            f"{schema}.migracao: this database was migrated by 1.0.0-rc.1 or earlier, from which no migration "
            "leads on. Nothing was changed. A local database begins again, empty, after `make clean`; what is "
            "deployed needs a new stage, or another database, and its rows are copied: "
            "docs/operations.md#copy-the-rows-of-an-older-stage"
        )


def _build(connection: psycopg2.extensions.connection, name: str, statement: str, patience: Patience) -> None:
    """Make the index of a file; what a broken-off run left of it is dropped, what it completed is kept."""
    index = PurePosixPath(name).name.partition("_")[2].removesuffix(_CONCURRENTLY)
    connection.autocommit = True
    with connection.cursor() as cursor:
        try:
            # It waits for all transactions that began before, and nobody waits behind it. If this client is gone by
            # then, PostgreSQL completes it all the same.
            cursor.execute("set lock_timeout = 0")
            cursor.execute(SQL["migrations_index"], {"schema": SCHEMA, "index": index})
            valid = cursor.fetchone()
            if valid == (False,):
                cursor.execute(f"drop index concurrently {quote_ident(SCHEMA, cursor)}.{quote_ident(index, cursor)}")
            if valid != (True,):
                run_file(cursor, statement)
            cursor.execute("select set_config('lock_timeout', %s, false)", (str(patience.lock_ms),))
            connection.autocommit = False
            protect_writes(cursor, all_tables=False)
            cursor.execute(SQL["migrations_record"], {"name": name, "checksum": checksum(statement)})
        except psycopg2.DatabaseError as error:
            raise MigrationError(f"{name}: {str(error).strip()} What came before this file is applied.") from error
    connection.commit()


def _holders(connection: psycopg2.extensions.connection) -> dict[Any, str]:
    """Say who holds locks that a migration may need, by process and transaction."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["migrations_holders"], {"schema": SCHEMA})
        return {(pid, transaction): who for pid, transaction, who in cursor.fetchall()}


def _those(holders: Mapping[Any, str]) -> str:
    if not holders:
        return "who holds it is not known"
    return f"{' and '.join(holders.values())} hold{'s' if len(holders) == 1 else ''} locks"


def _slice_of(name: str) -> str:
    return name.partition("/")[0]


def _newer(files: _Files, applied: Iterable[str]) -> list[str]:
    """Give the migrations that were applied and that a folder which is there does not have."""
    return [name for name in applied if _slice_of(name) in files.roles and name not in files.numbered]


def _left(files: _Files, applied: Iterable[str]) -> list[str]:
    """Say what is in the database and not in the folders."""
    gone = dict.fromkeys(_slice_of(name) for name in applied if _slice_of(name) not in files.roles)
    notices = [
        f"slices/{name} is not there: its tables stay, and its roles lose their rights and may not sign in"
        for name in gone
    ]
    if newer := _newer(files, applied):
        notices.append(f"the schema is newer than this code, and its views stay as they are: it has {', '.join(newer)}")
    return notices


def _pending(files: Mapping[str, str], applied: Mapping[str, str]) -> list[str]:
    """Return the names of the files that were not applied yet, after checking those that were."""
    pending = [name for name in files if name not in applied]
    for name, before in applied.items():
        if name in files and before != checksum(files[name]):
            raise MigrationError(
                f"{name}: was edited after it had been applied; restore it, and add another migration instead "
                "(a local database begins anew, empty, after `make clean`)"
            )
    for name in pending:
        of_its_slice = [other for other in applied if _slice_of(other) == _slice_of(name)]
        for other in of_its_slice:
            if other not in files:  # of an older release, which was deployed again, nothing is pending
                raise MigrationError(
                    f"{other}: was applied to this database, but this code does not have it, and has {name}, which "
                    "was not (a local database begins anew, empty, after `make clean`)"
                )
        if of_its_slice and name < max(of_its_slice):
            raise MigrationError(
                f"{name}: comes before {max(of_its_slice)}, which was applied already; give it a new number"
            )
    return pending
