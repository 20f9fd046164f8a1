"""Migration runner: applies the files of `ponto/schema/base` and of the slices' `schema` folders, each once, in order.

A file is recorded under the name of its slice, or `ponto`, and its own name: `ponto/0001_batida.sql`. A run is one
transaction, except for files named `*.concurrently.sql`. Such a file creates one index, named like the file without its
number, by CREATE INDEX CONCURRENTLY, which cannot run in a transaction; the files before it are committed first.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import quote_ident

from ponto.schema import SQL, privileges, repeatable, roles
from ponto.schema.owner import (
    Connection,
    Cursor,
    LockTimeoutError,
    MigrationError,
    connect_as_owner,
    fetch,
    lock_and_check_tables,
    run_file,
    run_generated_statements,
    translate_errors,
)
from ponto.schema.repeatable import checksum
from ponto.shared.connection import Parameters
from ponto.shared.sql_names import SCHEMA

BASE_FOLDERS = {"ponto": Path(__file__).parent / "base"}
"""Folder of the base's migrations, by the name under which they are recorded."""

_CONCURRENT_SUFFIX = ".concurrently.sql"


class LockRetryPolicy(NamedTuple):
    """Time limits and retries of migrations that wait for a lock.

    While a migration waits for a lock on a table that a report reads, every insert waits behind the migration. The
    migration therefore times out sooner than an insert (`Timeouts.lock_ms`), rolls back, and retries after a pause
    in which the inserts can proceed.
    """

    tries: int = 12  # about a minute in total
    lock_timeout_ms: int = 2_000
    pause_seconds: float = 3  # between two tries
    advisory_lock_timeout_ms: int = 600_000  # another run may copy rows for minutes; below the function's 900 s
    idle_timeout_ms: int = 5_000  # after which a client that hangs in a transaction loses its locks


LOCK_RETRY_POLICY = LockRetryPolicy()


class MigrationResult(NamedTuple):
    applied: list[str]  # file names, in order
    notices: list[str]  # such as the number of rows that a migration copied


class _Files(NamedTuple):
    """Contents of `roles.sql` and `privileges.sql` by slice, empty if the slice has none; of other files by name."""

    roles: dict[str, str]
    privileges: Mapping[str, str]
    numbered: Mapping[str, str]
    views: Mapping[str, str]


def migration_folders(names: Iterable[str], slice_schemas: Mapping[str, Path]) -> dict[str, Path]:
    """Return the folders with the migrations of the base and of the named slices.

    Raises:
        MigrationError: a slice has no such folder. Without this error its views would be dropped, like those of a
            removed slice.
    """
    if missing := [name for name in names if name not in slice_schemas]:
        raise MigrationError(f"SLICES: the package has no folder slices/{missing[0]}/schema; package and deploy again")
    return BASE_FOLDERS | {name: slice_schemas[name] for name in names}


@contextmanager
def locked_connection(
    parameters: Parameters, retry_policy: LockRetryPolicy = LOCK_RETRY_POLICY
) -> Iterator[Connection]:
    """Connect as the owner, and hold the advisory lock of the owner's writes until exit, so that they take turns.

    Without it two runs could each hold a weak lock on a table, and wait for the other's before a stronger one.

    Raises:
        MigrationError: another run held the lock for too long.
        SchemaNotExclusiveError, psycopg2.Error: see `connect_as_owner`.
    """
    with connect_as_owner(parameters) as connection:
        connection.autocommit = True
        _take_advisory_lock(connection, retry_policy)
        connection.autocommit = False
        yield connection


def migrate(
    parameters: Parameters,
    time_zone: str,
    folders: Mapping[str, Path] = BASE_FOLDERS,
    retry_policy: LockRetryPolicy = LOCK_RETRY_POLICY,
) -> MigrationResult:
    """Call `apply_pending` on a connection of its own."""
    with locked_connection(parameters, retry_policy) as connection:
        return apply_pending(connection, time_zone, folders, retry_policy)


def apply_pending(
    connection: Connection,
    time_zone: str,
    folders: Mapping[str, Path] = BASE_FOLDERS,
    retry_policy: LockRetryPolicy = LOCK_RETRY_POLICY,
) -> MigrationResult:
    """Apply the pending migrations, and the view files that have changed.

    All of them are applied, or none; `*.concurrently.sql` files divide a run into several such steps. Safe to call at
    any time.

    If the folder of an applied slice is missing, its tables stay, its views and functions are dropped, and its roles
    can no longer log in. If the database has migrations that the folders lack, a
    newer release was deployed before, and views stay as they are. Notices report both.

    Args:
        connection: a connection of `locked_connection`.
        time_zone: IANA name of the stage's time zone, such as America/Sao_Paulo. It becomes the database's default, and
            the local times of older tables are interpreted in it.
        folders: folders of the migrations by slice, in dependency order.
        retry_policy: how long to wait for locks.

    Raises:
        MigrationError: the time zone is unknown; a file failed or timed out waiting for a lock; an applied file was
            edited, or is missing while others of its slice are pending; a pending file precedes an applied one; two
            files create the same object; or a user's own view depends on an object that has to be dropped.
        SchemaNotExclusiveError: see `lock_and_check_tables`.
        psycopg2.Error: all attempts of `connect` failed, or the connection broke.
    """
    files = _read_files(folders)
    applied: list[str] = []
    notices: list[str] = []
    while True:
        migrated, next_index = _apply_with_retries(connection, files, time_zone, retry_policy)
        applied += migrated.applied
        notices += migrated.notices
        if next_index is None:
            return MigrationResult(applied, list(dict.fromkeys(notices)))
        _build_index(connection, next_index, files.numbered[next_index], retry_policy)
        applied.append(next_index)


def _read_files(folders: Mapping[str, Path]) -> _Files:
    def read_by_name(pattern: str) -> dict[str, str]:
        return {
            f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes().decode()  # keeps line ends
            for name, folder in folders.items()
            for path in sorted(folder.glob(pattern))
        }

    def read_by_slice(file: str) -> dict[str, str]:
        return dict.fromkeys(folders, "") | {_slice_name(name): text for name, text in read_by_name(file).items()}

    views = repeatable.select_files(read_by_name("views/*.sql"))
    return _Files(read_by_slice("roles.sql"), read_by_slice("privileges.sql"), read_by_name("[0-9]*.sql"), views)


def _take_advisory_lock(connection: Connection, policy: LockRetryPolicy) -> None:
    deadline = time.monotonic() + policy.advisory_lock_timeout_ms / 1000
    with connection.cursor() as cursor:
        while True:
            try:
                cursor.execute(SQL["take_advisory_lock"], policy._asdict())
            except psycopg2.errors.LockNotAvailable as error:
                if time.monotonic() >= deadline:
                    raise MigrationError(
                        f"another run of the migrations has not ended in {policy.advisory_lock_timeout_ms / 1000:g} s; "
                        f"{_describe_holders(_read_holders(connection))}. Nothing was changed."
                    ) from error
            else:
                return


def _apply_with_retries(
    connection: Connection, files: _Files, time_zone: str, policy: LockRetryPolicy
) -> tuple[MigrationResult, str | None]:
    """Call `_apply`, and retry if it times out waiting for a lock."""
    holders: dict[str, str] = {}
    for attempt in range(1, policy.tries + 1):
        if attempt > 1:
            time.sleep(policy.pause_seconds)
        try:
            return _apply(connection, files, time_zone, policy)
        except LockTimeoutError as error:
            step = str(error)
            connection.rollback()
            # Report only transactions that were open at every try: inserts hold their locks briefly.
            current = _read_holders(connection)
            holders = {key: text for key, text in current.items() if attempt == 1 or key in holders}
            connection.rollback()
    raise MigrationError(
        f"{step}: timed out waiting for a lock, {policy.tries} times after {policy.lock_timeout_ms / 1000:g} s; "
        f"{_describe_holders(holders)}. The step was rolled back; try again when that transaction has ended."
    )


def _apply(
    connection: Connection, files: _Files, time_zone: str, policy: LockRetryPolicy
) -> tuple[MigrationResult, str | None]:
    """Apply in one transaction all pending files up to the next `*.concurrently.sql` file; also return its name."""
    connection.notices.clear()
    with connection.cursor() as cursor:
        with translate_errors("before the first migration"):
            # Keep waits short: while this session waits for a lock on a table, writers of the table wait behind it.
            cursor.execute("set local lock_timeout = %s", [policy.lock_timeout_ms])
            initial_privileges, recorded = _prepare(cursor, time_zone)
            pending = _find_pending(files.numbered, recorded)
            lock_and_check_tables(cursor, all_tables=bool(pending))
            own_roles = roles.create(cursor, files.roles)
        applied = list(takewhile(lambda name: not name.endswith(_CONCURRENT_SUFFIX), pending))
        for name in applied:
            with translate_errors(name):
                run_file(cursor, files.numbered[name])
                _record(cursor, name, files.numbered[name])
        is_complete = applied == pending
        removed = dict.fromkeys(_slice_name(name) for name in recorded if _slice_name(name) not in files.roles)
        notices = [
            f"slices/{name} was removed: its tables stay, its roles lose their privileges and logins"
            for name in removed
        ]
        newer = [name for name in recorded if _slice_name(name) in files.roles and name not in files.numbered]
        if newer:
            notices.append(
                f"the schema is newer than this code, so its views stay as they are: it has {', '.join(newer)}"
            )
        elif is_complete:
            with translate_errors("views"):
                applied += repeatable.apply(cursor, files.views)
        with translate_errors("privileges"):
            notices += [line for (line,) in fetch(cursor, "role_members", roles=list(own_roles))]
            notices += [line for (line,) in fetch(cursor, "owner_notices")]
            removed_roles = [role for role, name in own_roles.items() if name not in files.roles]
            declarations = files.privileges if is_complete and not newer else None
            notices += privileges.enforce(cursor, declarations, initial_privileges, own_roles, removed_roles)
    connection.commit()
    notices = [notice.strip() for notice in connection.notices] + notices
    return MigrationResult(applied, notices), None if is_complete else pending[len(applied)]


def _prepare(cursor: Cursor, time_zone: str) -> tuple[list[privileges.Privilege], dict[str, str]]:
    """Create the schema and the migrations' tables; return the initial privileges, and checksums of applied files."""
    initial_privileges = privileges.read_privileges(cursor)
    run_generated_statements(cursor, "create_schema", "{statement} authorization {user}")
    for privilege in set(privileges.read_privileges(cursor)).difference(initial_privileges):  # from default privileges
        cursor.execute(privilege.revoke)
    if not fetch(cursor, "set_time_zone", time_zone=time_zone):
        raise MigrationError(
            f"TIME_ZONE: {time_zone!r} is not a time zone of PostgreSQL; use a name such as America/Sao_Paulo"
        )
    run_generated_statements(cursor, "set_default_time_zone", time_zone=time_zone)
    return initial_privileges, dict(fetch(cursor, "create_tables"))


def _record(cursor: Cursor, name: str, content: str) -> None:
    cursor.execute(SQL["record_migration"], {"name": name, "checksum": checksum(content)})


def _build_index(connection: Connection, name: str, statement: str, policy: LockRetryPolicy) -> None:
    """Build the index of a file, after dropping that of an interrupted build. A completed index is kept."""
    index = PurePosixPath(name).name.partition("_")[2].removesuffix(_CONCURRENT_SUFFIX)
    connection.autocommit = True
    with connection.cursor() as cursor:
        try:
            # CREATE INDEX CONCURRENTLY waits for all earlier transactions, and blocks none. PostgreSQL completes it
            # even if this client disconnects.
            is_valid = fetch(cursor, "index_is_valid", index=index)
            if is_valid == [(False,)]:
                cursor.execute(f"drop index concurrently {quote_ident(SCHEMA, cursor)}.{quote_ident(index, cursor)}")
            if is_valid != [(True,)]:
                run_file(cursor, statement)
            connection.autocommit = False
            cursor.execute("set local lock_timeout = %s", [policy.lock_timeout_ms])
            lock_and_check_tables(cursor, all_tables=False)
            _record(cursor, name, statement)
        except psycopg2.DatabaseError as error:
            raise MigrationError(f"{name}: {str(error).strip()} The files before this one are applied.") from error
    connection.commit()


def _read_holders(connection: Connection) -> dict[str, str]:
    """Return descriptions, by transaction id, of other transactions that hold a lock that a migration may need."""
    with connection.cursor() as cursor:
        return dict(fetch(cursor, "lock_holders"))


def _describe_holders(holders: Mapping[str, str]) -> str:
    if not holders:
        return "the transaction that holds the lock is unknown"
    return f"{' and '.join(holders.values())} hold{'s' if len(holders) == 1 else ''} locks"


def _slice_name(name: str) -> str:
    return name.partition("/")[0]


def _find_pending(files: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """Return the names of the files that are not applied yet, after checking the applied ones."""
    pending = [name for name in files if name not in recorded]
    for name, recorded_checksum in recorded.items():
        if name in files and recorded_checksum != checksum(files[name]):
            raise MigrationError(
                f"{name}: was edited after it was applied; restore it, and add another migration instead "
                "(`make clean` empties a local database)"
            )
    for name in pending:
        same_slice = [other for other in recorded if _slice_name(other) == _slice_name(name)]
        # An older release that was deployed again does not get here: it has no pending files.
        if missing := [other for other in same_slice if other not in files]:
            raise MigrationError(
                f"{missing[0]}: was applied to this database but is missing from this code, which has {name} instead; "
                "deploy a commit that has both (`make clean` empties a local database)"
            )
        if name < max(same_slice, default=""):
            raise MigrationError(
                f"{name}: precedes {max(same_slice)}, which is already applied; give it a higher number"
            )
    return pending
