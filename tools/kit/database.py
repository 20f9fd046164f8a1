"""Options that name a command's database, and connections with only the privileges that the command needs."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import click
import psycopg2
import psycopg2.errors
import psycopg2.extensions

from ponto import config
from ponto.config import ConfigurationError
from ponto.connection import SAFE_SETTINGS, apply_settings, resolve_password
from ponto.punch import EVENT
from ponto.sql_names import ROLE_PREFIX, SCHEMA
from tools.kit import local_stack
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.target import TIMEOUT_SECONDS, TargetOptions, with_options

_READER = f"{ROLE_PREFIX}reader"
_CONNECT_TIMEOUT_SECONDS = 60  # Aurora takes 15 to 40 s to resume from 0 ACU

_SETTINGS = """
select
    set_config('statement_timeout', %(milliseconds)s, false),
    set_config('default_transaction_read_only', %(read_only)s, false),
    set_config('max_parallel_workers_per_gather', '0', false) -- leaves the other cores to the drain
"""
_IS_MIGRATED = f"select to_regclass('{SCHEMA}.{EVENT.table}') is not null"


class TargetDatabase(NamedTuple):
    """A database that a command may connect to."""

    parameters: Mapping[str, Any]  # keyword arguments of `psycopg2.connect`; may have a password, so never log them
    is_local: bool  # whether it is the local stack's

    @property
    def name(self) -> str:
        """Host and name, as HOST/DBNAME."""
        return f"{self.parameters['host']}/{self.parameters['dbname']}"


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


DATABASE_OPTION = click.option(
    "--database",
    "database_from_environment",
    cls=opt.MutuallyExclusiveOption,
    excludes=("--stage", "--state", "--profile", "--region"),
    type=click.Choice(["env"]),
    show_default=False,
    callback=lambda _, __, value: value == "env",
    help="`env`: use the database that DB_HOST and the other DB_* variables name, instead of the local stack's.",
)


def options(timeout: int = TIMEOUT_SECONDS) -> Callable[[opt.Function], opt.Function]:
    """Return the options that name a database, and `--timeout` with its default in seconds; see `with_options`."""
    return with_options(DATABASE_OPTION, opt.state, timeout_option(timeout))


EPILOG = """By default, the command uses the local stack's database; with --database env, the
one that the DB_* variables name (docs/commands.md).
"""


def find(target_options: TargetOptions) -> TargetDatabase:
    """Return the database that the options name, without connecting to it.

    Raises:
        CommandError: no local stack runs, or DB_* variables are missing.
    """
    if target_options.database_from_environment:
        try:
            return TargetDatabase(database_parameters(), is_local=False)
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
    url = local_stack.find(target_options.state).database_url
    # Overrides PGHOSTADDR, which may be set for a tunnel to a deployment: libpq would prefer it to the host.
    return TargetDatabase(psycopg2.extensions.parse_dsn(url) | {"hostaddr": ""}, is_local=True)


def database_parameters(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return libpq's connection parameters, from the DB_* variables.

    `rds_config.py` is not read: a command for which DB_HOST is set must not reach another database.

    Raises:
        ConfigurationError: variables are missing; the message names them all.
        Exception: see `config.fetch_credentials`.
    """
    return resolve_password(config.load_database(environment, reads_rds_config=False).connection_parameters())


@contextmanager
def connect(target_options: TargetOptions, *, read_only: bool) -> Iterator[psycopg2.extensions.connection]:
    """Connect to the database that the options name, and close the connection at the end.

    Args:
        target_options: the database, and how long a statement may take.
        read_only: use read-only transactions, and the read-only role if the user is a member of it.

    Yields:
        A connection outside any transaction; uncommitted changes are rolled back at the end.

    Raises:
        CommandError: see `find`; or the database cannot be reached, lacks migrations, or refused a statement.
    """
    database = find(target_options)
    with closing(_open(database, read_only)) as connection:
        try:
            _prepare(connection, database, target_options.timeout_seconds, read_only)
            yield connection
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedFunction, psycopg2.errors.UndefinedObject):
            raise _missing_migrations_error(database) from None  # for example of a slice's table
        except psycopg2.errors.QueryCanceled:
            raise CommandError(
                f"a statement took longer than {target_options.timeout_seconds} s; set a larger --timeout"
            ) from None
        except psycopg2.errors.InsufficientPrivilege as error:
            raise CommandError(f"{database.name}: {_one_line(error)}; sign in as another user (DB_USER)") from None
        except psycopg2.OperationalError as error:
            raise CommandError(
                f"{database.name}: the connection failed: {_one_line(error)}; repeat the command"
            ) from None


def _open(database: TargetDatabase, read_only: bool) -> psycopg2.extensions.connection:
    arguments = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS, "application_name": "ponto", **database.parameters}
    if read_only and database.is_local:
        arguments["user"] = _READER  # the local socket requires no password
    try:
        connection: psycopg2.extensions.connection = psycopg2.connect(**arguments)
    except psycopg2.OperationalError as error:
        if f'role "{_READER}" does not exist' in str(error):
            raise _missing_migrations_error(database) from None
        if database.is_local:
            advice = "the local stack runs, so repeat the command in a moment"
        else:
            advice = "check that DB_HOST is correct and reachable from here"
        raise CommandError(f"cannot connect to {database.name}: {_one_line(error)}; {advice}") from None
    return connection


def _prepare(
    connection: psycopg2.extensions.connection, database: TargetDatabase, timeout: int, read_only: bool
) -> None:
    apply_settings(connection, SAFE_SETTINGS)
    with connection.cursor() as cursor:
        if read_only and not database.is_local:
            try:
                cursor.execute(f"set role {_READER}")
            except psycopg2.errors.InsufficientPrivilege:
                connection.rollback()  # for example an analyst's user
                print_status(
                    f"ponto: this user is not a member of the role {_READER}, so it reads with its own privileges"
                )
            except psycopg2.errors.InvalidParameterValue:  # there is no such role
                raise _missing_migrations_error(database) from None
        # Set by a statement, as a proxy may refuse these settings as connection options.
        cursor.execute(_SETTINGS, {"milliseconds": str(1000 * timeout), "read_only": "on" if read_only else "off"})
        cursor.execute(_IS_MIGRATED)
        if cursor.fetchone() != (True,):
            raise _missing_migrations_error(database)
    connection.commit()  # otherwise a rollback would undo the settings


def _missing_migrations_error(database: TargetDatabase) -> CommandError:
    advice = "restart make run" if database.is_local else "run ponto schema --stage STAGE"
    return CommandError(f"{database.name} lacks migrations; {advice}")


def _one_line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())
