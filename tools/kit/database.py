"""Which database a command works on, and a connection to it that can do no more than the command has to."""

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
from ponto.sql_names import ROLE_PREFIX, SCHEMA
from tools.kit import local_stack
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.target import TIMEOUT_SECONDS, TargetOptions, with_options

_READER = f"{ROLE_PREFIX}reader"
_CONNECT_SECONDS = 60  # Aurora takes 15 to 40 s to resume from 0 ACU

_SETTINGS = """
select
    set_config('statement_timeout', %(milliseconds)s, false),
    set_config('default_transaction_read_only', %(read_only)s, false),
    set_config('max_parallel_workers_per_gather', '0', false) -- what reads leaves the other cores to the intake
"""
_MIGRATED = f"select to_regclass('{SCHEMA}.batida') is not null"


class TargetDatabase(NamedTuple):
    """A database that a command may connect to."""

    parameters: Mapping[str, Any]  # keyword arguments of `psycopg2.connect`; never log them: a password may be there
    is_local: bool  # of the stack that runs on this machine

    @property
    def name(self) -> str:
        """The database as HOST/DBNAME, for people."""
        return f"{self.parameters['host']}/{self.parameters['dbname']}"


def timeout_option(timeout: int = TIMEOUT_SECONDS, subject: str = "a statement") -> Callable[[Any], Any]:
    """Return the option of how long `subject` may take, in seconds."""
    return click.option(
        "--timeout",
        "timeout_seconds",
        type=opt.IntegerRange(0, 1_000_000),
        default=timeout,
        metavar="S",
        help=f"That {subject} may take, seconds; 0: any time.",
    )


DATABASE_OPTION = click.option(
    "--database",
    "database_from_environment",
    cls=opt.MutuallyExclusiveOption,
    excludes=("--stage", "--state", "--profile", "--region"),
    type=click.Choice(["env"]),
    show_default=False,
    callback=lambda _, __, named: named == "env",
    help="`env`: that of DB_HOST and other variables, instead of the local stack's.",
)


def options(timeout: int = TIMEOUT_SECONDS) -> Callable[[opt.Function], opt.Function]:
    """Return the options that name a database, and how long a statement may take, in seconds; see `with_options`."""
    return with_options(DATABASE_OPTION, opt.state, timeout_option(timeout))


ENVIRONMENT = """that of DB_HOST, DB_NAME, DB_USER, DB_PORT, DB_SSLMODE and DB_PASSWORD, DB_SECRET_ARN or
DB_LOGIN=iam in the environment, which without that option mean nothing"""
EPILOG = f"""the database: that of the running local stack; or, with --database env,
{ENVIRONMENT}
"""


def find(target_options: TargetOptions) -> TargetDatabase:
    """Find the database that `options` named. Does not connect.

    Raises:
        CommandError: no local stack runs, or the environment lacks values.
    """
    if target_options.database_from_environment:
        try:
            return TargetDatabase(database_parameters(), is_local=False)
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
    url = local_stack.find(target_options.state).database_url
    # Not to where PGHOSTADDR points, of a tunnel to a deployment: libpq would go there, whatever the host.
    return TargetDatabase(psycopg2.extensions.parse_dsn(url) | {"hostaddr": ""}, is_local=True)


def database_parameters(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return libpq's keywords for one connection, from the environment.

    `rds_config.py` is not read: a command for which DB_HOST is set must not reach another database.

    Raises:
        ConfigurationError: naming all that is missing.
        Exception: of `config.fetch_credentials`.
    """
    return resolve_password(config.load_database(environment, reads_rds_config=False).connection_parameters())


@contextmanager
def connect(target_options: TargetOptions, *, read_only: bool) -> Iterator[psycopg2.extensions.connection]:
    """Connect to the database that `options` named, and close the connection in the end.

    Args:
        target_options: which database, and how long a statement may take.
        read_only: as the role that reads, where the user may be it, and in transactions that only read.

    Yields:
        A connection outside of any transaction; what is not committed is rolled back.

    Raises:
        CommandError: see `find`; or it cannot be reached, or lacks the migrations.
    """
    database = find(target_options)
    with closing(_open(database, read_only)) as connection:
        try:
            _prepare(connection, database, target_options.timeout_seconds, read_only)
            yield connection
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedFunction, psycopg2.errors.UndefinedObject):
            raise _not_migrated(database) from None  # of a slice, say
        except psycopg2.errors.QueryCanceled:
            raise CommandError(
                f"a statement took longer than {target_options.timeout_seconds} s; give a larger --timeout"
            ) from None
        except psycopg2.errors.InsufficientPrivilege as error:
            raise CommandError(f"{database.name}: {_line(error)}; sign in as another user (DB_USER)") from None
        except psycopg2.OperationalError as error:
            raise CommandError(f"{database.name} broke off: {_line(error)}; repeat the command") from None


def _open(database: TargetDatabase, read_only: bool) -> psycopg2.extensions.connection:
    arguments = {"connect_timeout": _CONNECT_SECONDS, "application_name": "ponto", **database.parameters}
    if read_only and database.is_local:
        arguments["user"] = _READER  # the socket asks for no password
    try:
        connection: psycopg2.extensions.connection = psycopg2.connect(**arguments)
    except psycopg2.OperationalError as error:
        if f'role "{_READER}" does not exist' in str(error):
            raise _not_migrated(database) from None
        of_stack = "the local stack runs: repeat the command in a moment"
        what = of_stack if database.is_local else "is DB_HOST right, and reachable from here?"
        raise CommandError(f"cannot connect to {database.name}: {_line(error)}; {what}") from None
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
                connection.rollback()  # an analyst's own user, say
                print_status(f"ponto: not a member of {_READER}; reading with this user's own rights")
            except psycopg2.errors.InvalidParameterValue:  # there is no such role
                raise _not_migrated(database) from None
        # By statement, for a proxy between may refuse them among the options of the connection.
        cursor.execute(_SETTINGS, {"milliseconds": str(1000 * timeout), "read_only": "on" if read_only else "off"})
        cursor.execute(_MIGRATED)
        if cursor.fetchone() != (True,):
            raise _not_migrated(database)
    connection.commit()  # or a rollback would undo the settings


def _not_migrated(database: TargetDatabase) -> CommandError:
    what = "stop and start it: make run" if database.is_local else "run ponto schema --stage STAGE"
    return CommandError(f"{database.name} lacks migrations; {what}")


def _line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())
