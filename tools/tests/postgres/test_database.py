"""Connections of commands to a database: the chosen database and user, and error messages."""

from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest
from psycopg2.extensions import parse_dsn

from ponto.read.punch_statements import NOW
from tests.commands import write_stack
from tests.database import execute
from tests.postgres.storing import add_punch
from tools.kit import database, reader
from tools.kit.errors import CommandError
from tools.kit.target import TargetOptions


@pytest.fixture
def stack(migrated_url: str, tmp_path: Path) -> Path:
    """Return the state folder of a local stack with the migrated database."""
    return write_stack(tmp_path, database_url=migrated_url)


def fetch_value(connection: psycopg2.extensions.connection, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        assert row is not None
        return row[0]


# Database and user


def test_local_stack_is_read_as_ponto_reader_and_written_as_the_owner(stack: Path) -> None:
    with database.connect(TargetOptions(state=stack), read_only=True) as connection:
        assert fetch_value(connection, "select session_user") == "ponto_reader"
        assert fetch_value(connection, "select current_setting('application_name')") == "ponto"
    with database.connect(TargetOptions(state=stack), read_only=False) as connection:
        assert fetch_value(connection, "select session_user") == "postgres"
        assert fetch_value(connection, "select current_setting('transaction_read_only')") == "off"


def test_the_local_stack_is_reached_while_a_tunnel_leads_to_a_deployment(stack: Path) -> None:
    with pytest.MonkeyPatch.context() as tunnel:
        tunnel.setenv("PGHOSTADDR", "127.0.0.1")
        with database.connect(TargetOptions(state=stack), read_only=False) as connection:
            assert fetch_value(connection, "select inet_server_addr()") is None


def test_read_only_connection_cannot_write_even_with_privileges(stack: Path, migrated_url: str) -> None:
    execute(parse_dsn(migrated_url), "grant insert on ponto.batida to ponto_reader")
    with database.connect(TargetOptions(state=stack), read_only=True) as connection:
        connection.rollback()
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            add_punch(connection)


# Errors


def test_unreachable_database_is_reported(tmp_path: Path) -> None:
    state = write_stack(tmp_path, database_url="postgresql://postgres@/pontodb?host=/nowhere")
    with (
        pytest.raises(CommandError, match=r"cannot connect to /nowhere/pontodb: .*; the local stack runs, so repeat"),
        database.connect(TargetOptions(state=state), read_only=True),
    ):
        pass


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("table ponto.absent", "does not exist.*restart make run"),
        ("select pg_sleep(30)", "set a larger --timeout"),
        ("select pg_terminate_backend(pg_backend_pid())", "repeat the command"),
    ],
)
def test_error_of_a_statement_is_reported(stack: Path, statement: str, message: str) -> None:
    with (
        pytest.raises(CommandError, match=message),
        database.connect(TargetOptions(state=stack, timeout_seconds=1), read_only=True) as connection,
    ):
        fetch_value(connection, statement)


def test_connection_that_the_server_closes_during_a_snapshot_is_reported(stack: Path, migrated_url: str) -> None:
    def read_on_a_closed_connection() -> None:
        with reader.open_reader(TargetOptions(state=stack)) as source:
            execute(
                parse_dsn(migrated_url),
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where (datname, application_name) = (current_database(), 'ponto')",
            )
            list(source.read(NOW.bind())[0])

    with pytest.raises(CommandError, match="repeat the command"):
        read_on_a_closed_connection()
