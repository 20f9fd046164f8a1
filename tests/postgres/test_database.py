"""Connections of commands to a database: the chosen database and user, and error messages."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest
from psycopg2.extensions import parse_dsn

from tests.commands import write_stack
from tests.database import execute, export
from tests.postgres.storing import add_punch
from tools.kit import commands, database, local_stack
from tools.kit.errors import CommandError
from tools.kit.target import TargetOptions

ENVIRONMENT = TargetOptions(database_from_environment=True)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove the DB_ variables of the developer's environment."""
    for name in [name for name in os.environ if name.startswith("DB_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def stack(migrated_url: str, tmp_path: Path) -> Path:
    """Return the state folder of a local stack with the migrated database."""
    return write_stack(tmp_path, database_url=migrated_url)


@pytest.fixture
def deployment(migrated_url: str, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the environment variables of the migrated database and its owner."""
    export(parse_dsn(migrated_url), environment)
    return environment


@pytest.fixture
def role(migrated_url: str) -> Iterator[Callable[[str], str]]:
    """Yield a function that creates a login; drop the logins at the end."""
    names: list[str] = []

    def create_login(name: str) -> str:
        execute(parse_dsn(migrated_url), f"create role {name} login; grant usage on schema ponto to {name}")
        names.append(name)
        return name

    yield create_login
    for name in names:
        execute(parse_dsn(migrated_url), f"drop owned by {name}; drop role {name}")


def fetch_value(connection: psycopg2.extensions.connection, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        assert row is not None
        return row[0]


def refusal(target_options: TargetOptions, *, read_only: bool = True) -> str:
    with pytest.raises(CommandError) as caught, database.connect(target_options, read_only=read_only):
        pass
    assert caught.value.status == 2
    return str(caught.value)


def run(*words: str, receive_options: Callable[[TargetOptions], None] = lambda _: None) -> int:
    @commands.command(epilog="")
    @database.options()
    def look(target_options: TargetOptions) -> None:
        receive_options(target_options)

    return commands.run(look, "look", words)


def parse_options(*words: str) -> TargetOptions:
    """Return the target options that a command parses from these words."""
    parsed: list[TargetOptions] = []
    assert run(*words, receive_options=parsed.append) == 0
    return parsed[0]


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


@pytest.mark.usefixtures("deployment")
def test_database_of_the_environment_is_read_as_ponto_reader() -> None:
    with database.connect(ENVIRONMENT, read_only=True) as connection:
        connection.rollback()  # a rollback must not restore the privileges
        assert fetch_value(connection, "select current_user") == "ponto_reader"
        assert fetch_value(connection, "select current_setting('statement_timeout')") == "10min"


def test_user_who_is_no_member_of_ponto_reader_reads_with_its_own_privileges(
    deployment: pytest.MonkeyPatch, role: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.setenv("DB_USER", role("analyst"))
    with database.connect(ENVIRONMENT, read_only=True) as connection:
        assert fetch_value(connection, "select current_user") == "analyst"
        assert fetch_value(connection, "select current_setting('transaction_read_only')") == "on"
    assert (
        capsys.readouterr().err
        == "ponto: this user is not a member of the role ponto_reader, so it reads with its own privileges\n"
    )


@pytest.mark.parametrize("local", [True, False])
def test_read_only_connection_cannot_write_even_with_privileges(
    stack: Path, deployment: pytest.MonkeyPatch, migrated_url: str, role: Callable[[str], str], local: bool
) -> None:
    deployment.setenv("DB_USER", role("clerk"))
    execute(parse_dsn(migrated_url), "grant insert on batida to clerk, ponto_reader")
    with database.connect(TargetOptions(state=stack) if local else ENVIRONMENT, read_only=True) as connection:
        connection.rollback()
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            add_punch(connection)


@pytest.mark.parametrize("words", [(), ("--state",)], ids=str)
def test_database_of_the_environment_is_not_used_by_default(
    words: tuple[str, ...], environment: pytest.MonkeyPatch, stack: Path
) -> None:
    environment.setenv("DB_HOST", "db.example.com")
    environment.setattr(local_stack, "STATE", stack)
    target_options = parse_options(*words, *[str(stack)] * len(words))
    assert database.find(target_options).is_local


@pytest.mark.usefixtures("deployment")
def test_database_env_selects_the_database_of_the_environment(stack: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setattr(local_stack, "STATE", stack)
    assert not database.find(parse_options("--database", "env")).is_local


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--database", "env", "--state", "there"), "--database is not allowed with --state"),
        (("--database", "prod"), "'prod' is not 'env'"),
        (("--timeout", "-1"), "Invalid value for '--timeout'"),
        (("--timeout", "9999999"), "Invalid value for '--timeout'"),
    ],
    ids=str,
)
def test_invalid_options_are_refused(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert message in capsys.readouterr().err


def test_uncommitted_changes_are_rolled_back(stack: Path) -> None:
    for commit in (False, True):
        with database.connect(TargetOptions(state=stack), read_only=False) as connection:
            add_punch(connection)
            if commit:
                connection.commit()
        with database.connect(TargetOptions(state=stack), read_only=True) as connection:
            assert fetch_value(connection, "select count(*) from ponto.batida") == int(commit)


# Errors


def test_missing_local_stack_is_reported(tmp_path: Path) -> None:
    message = refusal(parse_options("--state", str(tmp_path)))
    assert message.startswith("no local stack runs")
    assert message.endswith("; start it with make run, or name another deployment, such as --stage dev (see --help)")


def test_unreachable_database_is_reported(tmp_path: Path, deployment: pytest.MonkeyPatch) -> None:
    stack_error = refusal(
        TargetOptions(state=write_stack(tmp_path, database_url="postgresql://postgres@/pontodb?host=/nowhere"))
    )
    deployment.setenv("DB_HOST", "/nowhere")
    environment_error = refusal(ENVIRONMENT)

    assert stack_error.startswith("cannot connect to /nowhere/pontodb: ")
    assert stack_error.endswith("; the local stack runs, so repeat the command in a moment")
    assert environment_error.startswith("cannot connect to /nowhere/")
    assert environment_error.endswith("; check that DB_HOST is correct and reachable from here")


def test_no_error_contains_the_password(deployment: pytest.MonkeyPatch) -> None:
    deployment.setenv("DB_PASSWORD", "CANARY")
    deployment.setenv("DB_NAME", "absent")
    message = refusal(ENVIRONMENT)
    assert 'database "absent" does not exist' in message
    assert "CANARY" not in message


def test_database_without_migrations_is_reported(
    deployment: pytest.MonkeyPatch, stack: Path, migrated_url: str
) -> None:
    execute(parse_dsn(migrated_url), "alter table batida rename to other")
    assert "run ponto schema --stage" in refusal(ENVIRONMENT)
    assert "make run" in refusal(TargetOptions(state=stack))
    deployment.setattr(database, "_READER", "absent_role")
    assert "run ponto schema --stage" in refusal(ENVIRONMENT)
    assert "make run" in refusal(TargetOptions(state=stack))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("select pg_sleep(30)", "longer than 1 s; set a larger --timeout"),
        ("select pg_terminate_backend(pg_backend_pid())", r"the connection failed: .*repeat the command"),
    ],
)
def test_canceled_statement_is_reported(stack: Path, statement: str, message: str) -> None:
    with (
        pytest.raises(CommandError, match=message),
        database.connect(TargetOptions(state=stack, timeout_seconds=1), read_only=True) as connection,
    ):
        fetch_value(connection, statement)


def test_missing_privilege_is_reported(deployment: pytest.MonkeyPatch, role: Callable[[str], str]) -> None:
    deployment.setenv("DB_USER", role("stranger"))
    with (
        pytest.raises(CommandError, match="permission denied for table batida; sign in as another user"),
        database.connect(ENVIRONMENT, read_only=False) as connection,
    ):
        fetch_value(connection, "select count(*) from ponto.batida")
