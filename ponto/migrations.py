"""Bringing a database to the current schema: the files of `ponto/schema`, each applied once, in order."""

import hashlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

SCHEMA = Path(__file__).parent / "schema"

_SQL = Path(__file__).parent / "sql"
_BEGIN = (_SQL / "migrations_begin.sql").read_text(encoding="utf-8")
_RECORD = (_SQL / "migrations_record.sql").read_text(encoding="utf-8")


class MigrationError(Exception):
    """The database was left as it was. The message names the migration and says why."""


class Migrated(NamedTuple):
    applied: list[str]  # file names, in order; empty when there was nothing to do
    notices: list[str]  # what the migrations report: how many rows they copied, ...


def migrate(parameters: Mapping[str, str | int], time_zone: str, schema: Path = SCHEMA) -> Migrated:
    """Apply the migrations that the database has not had yet, all of them or none.

    Safe to call at any time and from several places at once: the second caller waits for the first.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of a user who owns the database.
        time_zone: the stage's, by its IANA name ("America/Sao_Paulo"). It becomes the database's default, and
            local times of older tables are read in it.
        schema: the folder of the migrations.

    Raises:
        MigrationError: the time zone is unknown, a migration failed, or what was applied before is not what
            the folder holds: one of the files was edited, is missing, or comes before one that was applied.
        psycopg2.Error: no connection, or it broke.
    """
    files = {path.name: path.read_bytes() for path in sorted(schema.glob("*.sql"))}
    with closing(_connect(parameters)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(_BEGIN, {"time_zone": time_zone})
        except psycopg2.DatabaseError as error:
            raise _wrap("before the first migration", error) from error
        pending = _pending(files, dict(cursor.fetchall()))
        for name in pending:
            try:
                cursor.execute(files[name])
            except psycopg2.DatabaseError as error:
                raise _wrap(name, error) from error
            cursor.execute(_RECORD, {"name": name, "checksum": _checksum(files[name])})
        connection.commit()  # whatever leaves before this line rolls all back, by closing
        return Migrated(pending, [notice.strip() for notice in connection.notices])


def _connect(parameters: Mapping[str, str | int]) -> psycopg2.extensions.connection:
    arguments: dict[str, Any] = {"application_name": "batidaPonto schema", **parameters}
    connection: psycopg2.extensions.connection = psycopg2.connect(**arguments)
    # So that each statement sees what was committed while an earlier one waited for the lock.
    connection.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED)
    return connection


def _pending(files: Mapping[str, bytes], applied: Mapping[str, str]) -> list[str]:
    """Return the names of the files that were not applied yet, after checking those that were."""
    for name, checksum in applied.items():
        if name not in files:
            raise MigrationError(f"{name}: was applied to this database, but this code, maybe older, does not have it")
        if checksum != _checksum(files[name]):
            raise MigrationError(f"{name}: was edited after it had been applied; add another migration instead")
    pending = [name for name in files if name not in applied]
    for name in pending:
        if applied and name < max(applied):
            raise MigrationError(
                f"{name}: comes before {max(applied)}, which was applied already; give it a new number"
            )
    return pending


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _wrap(name: str, error: psycopg2.DatabaseError) -> MigrationError:
    return MigrationError(f"{name}: {str(error).strip()}")
