"""Bringing a database to the current schema: the files of `ponto/schema` and of the slices' `schema`, once, in order.

A file is recorded as its slice's name, or `ponto`, and its own: `ponto/0001_batida.sql`. All that a run applies is
one transaction, but for files named `*.concurrently.sql`: such a file makes one index, which has the file's name
without the number, without holding up inserts, and no transaction can do that. What comes before it is committed.
"""

import time
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection, cursor, quote_ident

from ponto.admin import SQL, repeatable, rights, roles
from ponto.admin.owner import (
    LockTimeoutError,
    MigrationError,
    connect_as_owner,
    fetch,
    lock_and_check_tables,
    run_file,
    run_generated_statements,
    translate_errors,
)
from ponto.admin.repeatable import checksum
from ponto.connection import Parameters
from ponto.database_names import ROLE_PREFIX, SCHEMA

REFERENCE = {"ponto": Path(__file__).parents[1] / "schema"}
"""The folder of the reference's migrations, by its name."""

_CONCURRENTLY = ".concurrently.sql"


class LockRetryPolicy(NamedTuple):
    """Time limits and retries of migrations that wait for a lock.

    While a migration waits for a table that an open report reads, every insert waits behind it. So it gives up sooner
    than an insert does (`lock_ms` of the store), rolls all back, and tries again after the inserts had their time.
    """

    tries: int = 12  # a minute in all
    lock_ms: int = 2_000  # for one lock
    pause_seconds: float = 3  # between two tries
    advisory_ms: int = 600_000  # for another run of the migrations, which may copy rows: below the function's 900 s
    idle_ms: int = 5_000  # how long a client that was stopped keeps its locks: more than the pause


LOCK_RETRY_POLICY = LockRetryPolicy()


class MigrationResult(NamedTuple):
    applied: list[str]  # file names, in order; empty when there was nothing to do
    notices: list[str]  # what the migrations report: how many rows they copied, ...


class _Files(NamedTuple):
    """Contents of the files: of `roles.sql` and `rights.sql` by slice, empty where it has none; of others by name."""

    roles: dict[str, str]
    rights: Mapping[str, str]
    numbered: Mapping[str, str]
    views: Mapping[str, str]


def migration_folders(names: Iterable[str], slice_schemas: Mapping[str, Path]) -> dict[str, Path]:
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
) -> MigrationResult:
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
        SchemaNotExclusiveError: see `lock_and_check_tables`.
        psycopg2.Error: no connection, after all tries of `connect`; or it broke.
    """
    files = _read_files(schema)
    applied: list[str] = []
    notices: list[str] = []
    with connect_as_owner(parameters) as owner:
        owner.autocommit = True
        _take_advisory_lock(owner, retry_policy)
        owner.autocommit = False
        while True:
            migrated, next_index = _apply_with_retries(owner, files, time_zone, retry_policy)
            applied += migrated.applied
            notices += migrated.notices
            if next_index is None:
                return MigrationResult(applied, list(dict.fromkeys(notices)))
            _build_index(owner, next_index, files.numbered[next_index], retry_policy)
            applied.append(next_index)


def _read_files(schema: Mapping[str, Path]) -> _Files:
    def by_name(pattern: str) -> dict[str, str]:
        return {
            f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes().decode()  # line ends as they are
            for name, folder in schema.items()
            for path in sorted(folder.glob(pattern))
        }

    def by_slice(file: str) -> dict[str, str]:
        return dict.fromkeys(schema, "") | {_slice_of(name): text for name, text in by_name(file).items()}

    views = repeatable.select_files(by_name("views/*.sql"))
    return _Files(by_slice("roles.sql"), by_slice("rights.sql"), by_name("[0-9]*.sql"), views)


def _take_advisory_lock(owner: connection, policy: LockRetryPolicy) -> None:
    deadline = time.monotonic() + policy.advisory_ms / 1000
    with owner.cursor() as session:
        while True:
            try:
                session.execute(SQL["take_advisory_lock"], policy._asdict())
            except psycopg2.errors.LockNotAvailable as error:
                if time.monotonic() >= deadline:
                    raise MigrationError(
                        f"another run of the migrations has not ended in {policy.advisory_ms / 1000:g} s; "
                        f"{_describe_holders(_read_holders(owner))}. Nothing was changed."
                    ) from error
            else:
                return


def _apply_with_retries(
    owner: connection, files: _Files, time_zone: str, policy: LockRetryPolicy
) -> tuple[MigrationResult, str | None]:
    """Apply until all locks are obtained; see `_apply`."""
    holders: dict[str, str] = {}
    for attempt in range(1, policy.tries + 1):
        if attempt > 1:
            time.sleep(policy.pause_seconds)
        try:
            return _apply(owner, files, time_zone)
        except LockTimeoutError as error:
            step = str(error)
            owner.rollback()
            # Those that were there at the try before, too: inserts come and go.
            current = _read_holders(owner)
            holders = {key: text for key, text in current.items() if attempt == 1 or key in holders}
            owner.rollback()
    raise MigrationError(
        f"{step}: did not get a lock that it needs, tried {policy.tries} times for {policy.lock_ms / 1000:g} s; "
        f"{_describe_holders(holders)}. It was undone; try again when that transaction has ended."
    )


def _apply(owner: connection, files: _Files, time_zone: str) -> tuple[MigrationResult, str | None]:
    """Apply what one transaction can, and commit; also return the file that comes next, to be applied concurrently."""
    owner.notices.clear()
    with owner.cursor() as session:
        with translate_errors("before the first migration"):
            initial_rights, recorded = _prepare(session, time_zone)
            pending = _find_pending(files.numbered, recorded)
            lock_and_check_tables(session, all_tables=bool(pending))
            notices = roles.create(session, files.roles)
        applied = list(takewhile(lambda name: not name.endswith(_CONCURRENTLY), pending))
        for name in applied:
            with translate_errors(name):
                run_file(session, files.numbered[name])
                _record(session, name, files.numbered[name])
        is_complete = applied == pending
        removed = dict.fromkeys(_slice_of(name) for name in recorded if _slice_of(name) not in files.roles)
        notices += [
            f"slices/{name} is not there: its tables stay, and its roles lose their rights and may not sign in"
            for name in removed
        ]
        newer = [name for name in recorded if _slice_of(name) in files.roles and name not in files.numbered]
        if newer:
            notices.append(
                f"the schema is newer than this code, and its views stay as they are: it has {', '.join(newer)}"
            )
        elif is_complete:
            with translate_errors("views"):
                applied += repeatable.apply(session, files.views)
        with translate_errors("rights"):
            notices += [line for (line,) in fetch(session, "role_members")]
            own_roles = dict(fetch(session, "slices_by_role", prefix=ROLE_PREFIX))
            removed_roles = [role for role, name in own_roles.items() if name not in files.roles]
            declarations = files.rights if is_complete and not newer else None
            notices += rights.enforce(session, declarations, initial_rights, own_roles, removed_roles)
    owner.commit()
    notices = [notice.strip() for notice in owner.notices] + notices
    return MigrationResult(applied, notices), None if is_complete else pending[len(applied)]


def _prepare(session: cursor, time_zone: str) -> tuple[list[rights.Right], dict[str, str]]:
    """Create the schema and the migrations' tables; return the rights before, and checksums of applied files."""
    session.execute(SQL["remember_search_path"])
    for (schema,) in fetch(session, "release_candidate_schemas"):
        raise MigrationError(
            f"{schema}.migracao: this database was migrated by 1.0.0-rc.1 or earlier, from which no migration "
            "leads on. Nothing was changed. A local database begins again, empty, after `make clean`; what is "
            "deployed needs a new stage, or another database, and its rows are copied: "
            "docs/operations.md#copy-the-rows-of-an-older-stage"
        )
    initial_rights = rights.read_rights(session)
    run_generated_statements(session, "create_schema", "{statement} authorization {user}")
    for right in set(rights.read_rights(session)).difference(initial_rights):  # by default privileges
        session.execute(right.revoke)
    if not fetch(session, "set_time_zone", time_zone=time_zone):
        raise MigrationError(f'invalid value for parameter "TimeZone": "{time_zone}"')
    run_generated_statements(session, "set_default_time_zone", time_zone=time_zone)
    return initial_rights, dict(fetch(session, "create_tables"))


def _record(session: cursor, name: str, content: str) -> None:
    session.execute(SQL["record_migration"], {"name": name, "checksum": checksum(content)})


def _build_index(owner: connection, name: str, statement: str, policy: LockRetryPolicy) -> None:
    """Build the index of a file. One of an interrupted build is dropped first, one that was completed is kept."""
    index = PurePosixPath(name).name.partition("_")[2].removesuffix(_CONCURRENTLY)
    owner.autocommit = True
    with owner.cursor() as session:
        try:
            # CREATE INDEX CONCURRENTLY waits for all earlier transactions, and blocks none. If this client is gone by
            # then, PostgreSQL completes it all the same.
            session.execute("set lock_timeout = 0")
            is_valid = fetch(session, "index_is_valid", index=index)
            if is_valid == [(False,)]:
                session.execute(f"drop index concurrently {quote_ident(SCHEMA, session)}.{quote_ident(index, session)}")
            if is_valid != [(True,)]:
                run_file(session, statement)
            session.execute("set lock_timeout = %s", [policy.lock_ms])
            owner.autocommit = False
            lock_and_check_tables(session, all_tables=False)
            _record(session, name, statement)
        except psycopg2.DatabaseError as error:
            raise MigrationError(f"{name}: {str(error).strip()} What came before this file is applied.") from error
    owner.commit()


def _read_holders(owner: connection) -> dict[str, str]:
    """Return descriptions of other transactions that hold a lock that a migration may need, by transaction."""
    with owner.cursor() as session:
        return dict(fetch(session, "lock_holders"))


def _describe_holders(holders: Mapping[str, str]) -> str:
    if not holders:
        return "who holds it is not known"
    return f"{' and '.join(holders.values())} hold{'s' if len(holders) == 1 else ''} locks"


def _slice_of(name: str) -> str:
    return name.partition("/")[0]


def _find_pending(files: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """Return the names of the files that were not applied yet, after checking those that were."""
    pending = [name for name in files if name not in recorded]
    for name, recorded_checksum in recorded.items():
        if name in files and recorded_checksum != checksum(files[name]):
            raise MigrationError(
                f"{name}: was edited after it had been applied; restore it, and add another migration instead "
                "(a local database begins again, empty, after `make clean`)"
            )
    for name in pending:
        same_slice = [other for other in recorded if _slice_of(other) == _slice_of(name)]
        # Of an older release, which was deployed again, nothing is pending.
        if missing := [other for other in same_slice if other not in files]:
            raise MigrationError(
                f"{missing[0]}: was applied to this database, but this code does not have it, and has {name}, which "
                "was not (a local database begins again, empty, after `make clean`)"
            )
        if name < max(same_slice, default=""):
            raise MigrationError(
                f"{name}: comes before {max(same_slice)}, which was applied already; give it a new number"
            )
    return pending
