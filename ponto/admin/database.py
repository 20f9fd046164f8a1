"""Making the database, where AWS makes a cluster without one."""

from contextlib import closing, suppress
from pathlib import Path

from psycopg2.errors import DuplicateDatabase, UniqueViolation
from psycopg2.extensions import AsIs, quote_ident

from ponto.admin.owner import PATIENT, SAFE
from ponto.connection import Parameters, connect

_SQL = Path(__file__).parent / "sql"
_THERE = (_SQL / "database_there.sql").read_text(encoding="utf-8")
_MAKE = (_SQL / "database_make.sql").read_text(encoding="utf-8")


def make_database(parameters: Parameters, created_from: str) -> list[str]:
    """Make a database if it is not there. Safe to call at any time and from several places at once.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, with the database's name, of a user who may make it.
        created_from: the name of a database that is there.

    Returns:
        A line if it was made.

    Raises:
        psycopg2.Error: no connection, or the user may not make it.
        CannotConnectError: as of `connect`.
    """
    name = str(parameters["dbname"])
    elsewhere = {**parameters, "dbname": created_from}
    with closing(connect(elsewhere, "batidaPonto schema", PATIENT)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # no transaction makes a database
        cursor.execute(SAFE)
        cursor.execute(_THERE, {"name": name})
        if cursor.fetchone() is None:
            with suppress(DuplicateDatabase, UniqueViolation):  # made meanwhile
                cursor.execute(_MAKE, {"name": AsIs(quote_ident(name, cursor))})
                return [f"database made: {name}"]
    return []
