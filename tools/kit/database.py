"""Connections to the local stack's database, with only the privileges that a command needs."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from ponto.shared.connection import SAFE_SETTINGS, Settings, apply_settings
from ponto.shared.sql_names import ROLE_PREFIX
from tools.kit import local_stack
from tools.kit.errors import CommandError
from tools.kit.target import TargetOptions

_READER = f"{ROLE_PREFIX}reader"
_CONNECT_TIMEOUT_SECONDS = 60


@contextmanager
def connect(target_options: TargetOptions, *, read_only: bool) -> Iterator[psycopg2.extensions.connection]:
    """Connect to the local stack's database, and close the connection at the end.

    Args:
        target_options: the stack's folder, and how long a statement may take.
        read_only: use read-only transactions and the read-only role.

    Yields:
        A connection outside any transaction; uncommitted changes are rolled back at the end.

    Raises:
        CommandError: no local stack runs, its database cannot be reached, or a statement was refused.
    """
    url = local_stack.find(target_options.state).database_url
    # Overrides PGHOSTADDR, which may be set for a tunnel to a deployment: libpq would prefer it to the host.
    parameters = psycopg2.extensions.parse_dsn(url) | {"hostaddr": ""}
    name = f"{parameters['host']}/{parameters['dbname']}"
    settings: Settings = {
        **SAFE_SETTINGS,
        "statement_timeout": 1000 * target_options.timeout_seconds,
        "default_transaction_read_only": "on" if read_only else "off",
        "max_parallel_workers_per_gather": 0,  # leaves the other cores to the drain
    }
    with closing(_open(parameters, name, read_only)) as connection:
        try:
            apply_settings(connection, settings)
            yield connection
        except (psycopg2.OperationalError, psycopg2.ProgrammingError) as error:
            is_slow = isinstance(error, psycopg2.errors.QueryCanceled)
            # An unknown table is one of a slice or a migration that is newer than the running stack.
            advice = "set a larger --timeout" if is_slow else "repeat the command, or restart make run"
            raise CommandError(f"{name}: {_one_line(error)}; {advice}") from None


def _open(parameters: Mapping[str, Any], name: str, read_only: bool) -> psycopg2.extensions.connection:
    arguments = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS, "application_name": "ponto", **parameters}
    if read_only:
        arguments["user"] = _READER  # the local socket requires no password
    try:
        connection: psycopg2.extensions.connection = psycopg2.connect(**arguments)
    except psycopg2.OperationalError as error:
        raise CommandError(
            f"cannot connect to {name}: {_one_line(error)}; the local stack runs, so repeat the command in a moment"
        ) from None
    return connection


def _one_line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())
