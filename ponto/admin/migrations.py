"""Bringing a database to the current schema: the files of `ponto/schema` and of the slices' `schema`, once, in order.

A file is recorded as its slice's name, or `ponto`, and its own: `ponto/0001_batida.sql`. All that a run applies is
one transaction, but for files named `*.concurrently.sql`: such a file makes one index, which has the file's name
without the number, without holding up inserts, and no transaction can do that. What comes before it is committed.
Files of the folder `views` are applied again when their content has changed; see `repeatable`. For `roles.sql` see
`roles.create`, for `rights.sql` see `rights.enforce`.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import quote_ident

from ponto.admin import SQL, repeatable, rights, roles
from ponto.admin.errors import LockTimeoutError, MigrationError, error_context
from ponto.admin.own_schema import protect_writes, run_file
from ponto.admin.owner import connected
from ponto.admin.repeatable import checksum
from ponto.connection import Parameters
from ponto.database_names import SCHEMA

REFERENCE = {"ponto": Path(__file__).parents[1] / "schema"}
"""The folder of the reference's migrations, by its name."""

_CONCURRENTLY = ".concurrently.sql"
_MAX_ADVISORY_WAIT_MS = 500
"""How long a statement waits for the advisory lock before it asks again. An index that the other run builds waits for
that statement, and after 1 s PostgreSQL would end one of the two as deadlocked."""


class LockRetryPolicy(NamedTuple):
    """How long migrations wait, and let others wait.

    While a migration waits for a table that an open report reads, every insert waits behind it. So it gives up sooner
    than an insert does (`lock_ms` of the store), rolls all back, and tries again after the inserts had their time.
    """

    tries: int = 12  # a minute in all
    lock_ms: int = 2_000  # for one lock
    pause_s: float = 3  # between two tries
    advisory_ms: int = 600_000  # for another run of the migrations, which may copy rows: below the function's 900 s
    idle_ms: int = 5_000  # how long a client that was stopped keeps its locks: more than the pause


LOCK_RETRY_POLICY = LockRetryPolicy()


class Migrated(NamedTuple):
    applied: list[str]  # file names, in order; empty when there was nothing to do
    notices: list[str]  # what the migrations report: how many rows they copied, ...


class _Files(NamedTuple):
    """Contents of the files: of `roles.sql` and `rights.sql` by slice, empty where it has none; of others by name."""

    roles: dict[str, str]
    rights: Mapping[str, str]
    numbered: Mapping[str, str]
    views: Mapping[str, str]


class _Transaction(NamedTuple):
    """Result of a transaction of migrations."""

    applied: list[str]
    notices: list[str]
    next_index: str | None  # the file that comes next, to be applied concurrently


class _Holder(NamedTuple):
    """Another transaction that holds a lock that a migration may need."""

    pid: int
    transaction: str
    description: str


def folders(names: Iterable[str], slice_schemas: Mapping[str, Path]) -> dict[str, Path]:
    """Return the folders of the reference's migrations, and of these slices'.

    Raises:
        MigrationError: a slice has no such folder. Its views would be dropped, as those of a slice that was removed.
    """
    if missing := [name for name in names if name not in slice_schemas]:
        raise MigrationError(f"SLICES: there is no slices/{missing[0]}/schema; package and deploy again")
    return REFERENCE | {name: slice_schemas[name] for name in names}


def migrate(
    parameters: Parameters,
    time_zone: str,
    schema: Mapping[str, Path] = REFERENCE,
    retry_policy: LockRetryPolicy = LOCK_RETRY_POLICY,
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
        schema: the folders of the migrations, by slice, each behind those that it needs.
        retry_policy: how long to wait for locks.

    Raises:
        MigrationError: the time zone is unknown, a file failed or did not get its locks, or what was applied is not
            what the folders hold: a file was edited, is missing though others of its slice are pending, or comes before
            one that was applied. Or two files create one object, or a view of others depends on what has to be dropped.
        NotOwnSchemaError: see `ponto.admin.own_schema`.
        psycopg2.Error: no connection, after all tries of `connect`; or it broke.
    """
    files = _read_files(schema)
    applied: list[str] = []
    with connected(parameters) as connection:
        _take_advisory_lock(connection, retry_policy)
        while True:
            result = _apply_with_retries(connection, files, time_zone, retry_policy)
            applied += result.applied
            if result.next_index is None:
                return Migrated(applied, [notice.strip() for notice in connection.notices] + result.notices)
            _build_index(connection, result.next_index, files.numbered[result.next_index], retry_policy)
            applied.append(result.next_index)


def _read_files(schema: Mapping[str, Path]) -> _Files:
    def by_name(pattern: str) -> dict[str, str]:
        return {
            f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes().decode()  # line ends as they are
            for name, folder in schema.items()
            for path in sorted(folder.glob(pattern))
        }

    def by_slice(file: str) -> dict[str, str]:
        return dict.fromkeys(schema, "") | {_slice_of(name): text for name, text in by_name(file).items()}

    views = repeatable.select_in_force(by_name("views/*.sql"))
    return _Files(by_slice("roles.sql"), by_slice("rights.sql"), by_name("[0-9]*.sql"), views)


def _take_advisory_lock(connection: psycopg2.extensions.connection, policy: LockRetryPolicy) -> None:
    timeouts = {
        "idle": str(policy.idle_ms),
        "advisory": str(min(_MAX_ADVISORY_WAIT_MS, policy.advisory_ms)),
        "lock": str(policy.lock_ms),
    }
    deadline = time.monotonic() + policy.advisory_ms / 1000
    connection.autocommit = True
    with connection.cursor() as cursor:
        while True:
            try:
                cursor.execute(SQL["take_advisory_lock"], timeouts)
                break
            except psycopg2.errors.LockNotAvailable as error:
                if time.monotonic() >= deadline:
                    raise MigrationError(
                        f"another run of the migrations has not ended in {policy.advisory_ms / 1000:g} s; "
                        f"{_describe_holders(_read_holders(connection))}. Nothing was changed."
                    ) from error
    connection.autocommit = False


def _apply_with_retries(
    connection: psycopg2.extensions.connection, files: _Files, time_zone: str, policy: LockRetryPolicy
) -> _Transaction:
    """Apply until all locks are obtained."""
    holders: list[_Holder] = []
    notice_count = len(connection.notices)
    for attempt in range(1, policy.tries + 1):
        if attempt > 1:
            time.sleep(policy.pause_s)
        try:
            return _apply(connection, files, time_zone)
        except LockTimeoutError as error:
            step = str(error)
            connection.rollback()
            del connection.notices[notice_count:]
            # Those that were there at the try before, too: inserts come and go.
            holders = [holder for holder in _read_holders(connection) if attempt == 1 or holder in holders]
            connection.rollback()
    raise MigrationError(
        f"{step}: did not get a lock that it needs, tried {policy.tries} times for {policy.lock_ms / 1000:g} s; "
        f"{_describe_holders(holders)}. It was undone; try again when that transaction has ended."
    )


def _apply(connection: psycopg2.extensions.connection, files: _Files, time_zone: str) -> _Transaction:
    """Apply what one transaction can, and commit. After an error, closing the connection rolls it back."""
    with connection.cursor() as cursor:
        with error_context("before the first migration"):
            cursor.execute(SQL["remember_search_path"])
            _refuse_release_candidate(cursor)
            initial_rights = rights.read_rights(cursor)
            cursor.execute(SQL["create_schema"], {"schema": SCHEMA})
            rights.revoke_defaults(cursor, initial_rights)
            cursor.execute(SQL["begin_migrations"], {"time_zone": time_zone})
            recorded = dict(cursor.fetchall())
            pending = _find_pending(files.numbered, recorded)
            protect_writes(cursor, all_tables=bool(pending))
            roles.create(cursor, files.roles)
        applied = list(takewhile(lambda name: not name.endswith(_CONCURRENTLY), pending))
        for name in applied:
            with error_context(name):
                run_file(cursor, files.numbered[name])
                _record(cursor, name, files.numbered[name])
        is_complete = applied == pending
        newer = _newer_than(files, recorded)
        notices = _describe_orphans(files, recorded, newer)
        if is_complete and not newer:
            with error_context("views"):
                applied += repeatable.apply(cursor, files.views)
        with error_context("rights"):
            notices += roles.describe_members(cursor)
            own_roles = roles.slices_by_role(cursor)
            removed_roles = {role for role, slice_name in own_roles.items() if slice_name not in files.roles}
            if not is_complete:
                rights.revoke_defaults(cursor, initial_rights)
            elif newer:
                notices += rights.revoke_of_others(cursor, initial_rights, own_roles.keys() - removed_roles)
            else:
                notices += rights.enforce(cursor, files.rights, initial_rights, own_roles, removed_roles)
    connection.commit()
    return _Transaction(applied, notices, None if is_complete else pending[len(applied)])


def _refuse_release_candidate(cursor: psycopg2.extensions.cursor) -> None:
    cursor.execute(SQL["release_candidate_schemas"], {})
    for (schema,) in cursor.fetchall():
        raise MigrationError(
            f"{schema}.migracao: this database was migrated by 1.0.0-rc.1 or earlier, from which no migration "
            "leads on. Nothing was changed. A local database begins again, empty, after `make clean`; what is "
            "deployed needs a new stage, or another database, and its rows are copied: "
            "docs/operations.md#copy-the-rows-of-an-older-stage"
        )


def _record(cursor: psycopg2.extensions.cursor, name: str, content: str) -> None:
    cursor.execute(SQL["record_migration"], {"name": name, "checksum": checksum(content)})


def _build_index(
    connection: psycopg2.extensions.connection, name: str, statement: str, policy: LockRetryPolicy
) -> None:
    """Build the index of a file. One of an interrupted build is dropped first, one that was completed is kept."""
    index = PurePosixPath(name).name.partition("_")[2].removesuffix(_CONCURRENTLY)
    connection.autocommit = True
    with connection.cursor() as cursor:
        try:
            # It waits for all transactions that began before, and nobody waits behind it. If this client is gone by
            # then, PostgreSQL completes it all the same.
            cursor.execute("set lock_timeout = 0")
            cursor.execute(SQL["index_is_valid"], {"schema": SCHEMA, "index": index})
            is_valid = cursor.fetchone()
            if is_valid == (False,):
                cursor.execute(f"drop index concurrently {quote_ident(SCHEMA, cursor)}.{quote_ident(index, cursor)}")
            if is_valid != (True,):
                run_file(cursor, statement)
            cursor.execute("select set_config('lock_timeout', %s, false)", (str(policy.lock_ms),))
            connection.autocommit = False
            protect_writes(cursor, all_tables=False)
            _record(cursor, name, statement)
        except psycopg2.DatabaseError as error:
            raise MigrationError(f"{name}: {str(error).strip()} What came before this file is applied.") from error
    connection.commit()


def _read_holders(connection: psycopg2.extensions.connection) -> list[_Holder]:
    with connection.cursor() as cursor:
        cursor.execute(SQL["lock_holders"], {"schema": SCHEMA})
        return [_Holder(*row) for row in cursor.fetchall()]


def _describe_holders(holders: Sequence[_Holder]) -> str:
    if not holders:
        return "who holds it is not known"
    return f"{' and '.join(each.description for each in holders)} hold{'s' if len(holders) == 1 else ''} locks"


def _slice_of(name: str) -> str:
    return name.partition("/")[0]


def _newer_than(files: _Files, recorded: Iterable[str]) -> list[str]:
    """Return the applied migrations that are missing in a folder that is there."""
    return [name for name in recorded if _slice_of(name) in files.roles and name not in files.numbered]


def _describe_orphans(files: _Files, recorded: Iterable[str], newer: Sequence[str]) -> list[str]:
    """Return a line for each slice that is in the database and has no folder, and one for newer migrations."""
    removed = dict.fromkeys(_slice_of(name) for name in recorded if _slice_of(name) not in files.roles)
    notices = [
        f"slices/{name} is not there: its tables stay, and its roles lose their rights and may not sign in"
        for name in removed
    ]
    if newer:
        notices.append(f"the schema is newer than this code, and its views stay as they are: it has {', '.join(newer)}")
    return notices


def _find_pending(files: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """Return the names of the files that were not applied yet, after checking those that were."""
    pending = [name for name in files if name not in recorded]
    for name, recorded_checksum in recorded.items():
        if name in files and recorded_checksum != checksum(files[name]):
            raise MigrationError(
                f"{name}: was edited after it had been applied; restore it, and add another migration instead "
                "(a local database begins anew, empty, after `make clean`)"
            )
    for name in pending:
        same_slice = [other for other in recorded if _slice_of(other) == _slice_of(name)]
        # Of an older release, which was deployed again, nothing is pending.
        if missing := [other for other in same_slice if other not in files]:
            raise MigrationError(
                f"{missing[0]}: was applied to this database, but this code does not have it, and has {name}, which "
                "was not (a local database begins anew, empty, after `make clean`)"
            )
        if name < max(same_slice, default=""):
            raise MigrationError(
                f"{name}: comes before {max(same_slice)}, which was applied already; give it a new number"
            )
    return pending
