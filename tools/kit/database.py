"""Connections to the local stack's database, with only the privileges that a command needs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import click
import psycopg2
import psycopg2.errors
import psycopg2.extensions

from ponto.connection import SAFE_SETTINGS, apply_settings
from ponto.punch import EVENT
from ponto.sql_names import ROLE_PREFIX, SCHEMA
from tools.kit import local_stack
from tools.kit.errors import CommandError
from tools.kit.target import TIMEOUT_SECONDS, TargetOptions

_READER = f"{ROLE_PREFIX}reader"
_CONNECT_TIMEOUT_SECONDS = 60

_SETTINGS = """
select
    set_config('statement_timeout', %(milliseconds)s, false),
    set_config('default_transaction_read_only', %(read_only)s, false),
    set_config('max_parallel_workers_per_gather', '0', false) -- leaves the other cores to the drain
"""
_IS_MIGRATED = f"select to_regclass('{SCHEMA}.{EVENT.table}') is not null"


def timeout_option(timeout: int = TIMEOUT_SECONDS, subject: str = "a statement") -> Callable[[Any], Any]:
    """Return the option `--timeout`, in seconds, which limits how long `subject` may take."""
    return click.option(
        "--timeout",
        "timeout_seconds",
        type=click.IntRange(0, 1_000_000),
        default=timeout,
        metavar="S",
        help=f"Seconds that {subject} may take; 0: no limit.",
    )


def find(target_options: TargetOptions) -> dict[str, Any]:
    """Return libpq's parameters of the local stack's database, without connecting to it.

    Raises:
        CommandError: no local stack runs.
    """
    url = local_stack.find(target_options.state).database_url
    # Overrides PGHOSTADDR, which may be set for a tunnel to a deployment: libpq would prefer it to the host.
    return psycopg2.extensions.parse_dsn(url) | {"hostaddr": ""}


@contextmanager
def connect(target_options: TargetOptions, *, read_only: bool) -> Iterator[psycopg2.extensions.connection]:
    """Connect to the local stack's database, and close the connection at the end.

    Args:
        target_options: the stack's folder, and how long a statement may take.
        read_only: use read-only transactions and the read-only role.

    Yields:
        A connection outside any transaction; uncommitted changes are rolled back at the end.

    Raises:
        CommandError: see `find`; or the database cannot be reached, lacks migrations, or refused a statement.
    """
    parameters = find(target_options)
    name = f"{parameters['host']}/{parameters['dbname']}"
    with closing(_open(parameters, name, read_only)) as connection:
        try:
            _prepare(connection, name, target_options.timeout_seconds, read_only)
            yield connection
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedFunction, psycopg2.errors.UndefinedObject):
            raise _missing_migrations_error(name) from None  # for example of a slice's table
        except psycopg2.errors.QueryCanceled:
            raise CommandError(
                f"a statement took longer than {target_options.timeout_seconds} s; set a larger --timeout"
            ) from None
        except psycopg2.errors.InsufficientPrivilege as error:
            raise CommandError(f"{name}: {_one_line(error)}; restart make run") from None
        except psycopg2.OperationalError as error:
            raise CommandError(f"{name}: the connection failed: {_one_line(error)}; repeat the command") from None


def _open(parameters: Mapping[str, Any], name: str, read_only: bool) -> psycopg2.extensions.connection:
    arguments = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS, "application_name": "ponto", **parameters}
    if read_only:
        arguments["user"] = _READER  # the local socket requires no password
    try:
        connection: psycopg2.extensions.connection = psycopg2.connect(**arguments)
    except psycopg2.OperationalError as error:
        if f'role "{_READER}" does not exist' in str(error):
            raise _missing_migrations_error(name) from None
        raise CommandError(
            f"cannot connect to {name}: {_one_line(error)}; the local stack runs, so repeat the command in a moment"
        ) from None
    return connection


def _prepare(connection: psycopg2.extensions.connection, name: str, timeout: int, read_only: bool) -> None:
    apply_settings(connection, SAFE_SETTINGS)
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS, {"milliseconds": str(1000 * timeout), "read_only": "on" if read_only else "off"})
        cursor.execute(_IS_MIGRATED)
        if cursor.fetchone() != (True,):
            raise _missing_migrations_error(name)
    connection.commit()  # otherwise a rollback would undo the settings


def _missing_migrations_error(name: str) -> CommandError:
    return CommandError(f"{name} lacks migrations; restart make run")


def _one_line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())
