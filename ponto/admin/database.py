"""Making the database, where AWS makes a cluster without one."""

from contextlib import closing, suppress

from psycopg2.errors import DuplicateDatabase, UniqueViolation
from psycopg2.extensions import AsIs, quote_ident

from ponto.admin import SQL
from ponto.admin.owner import PATIENT
from ponto.connection import Parameters, connect


def make_database(parameters: Parameters, created_from: str) -> list[str]:
    """Make a database if it is not there, by way of one that is: at any time, and from several places at once.

    Returns:
        A line if it was made.
    """
    name = str(parameters["dbname"])
    elsewhere = {**parameters, "dbname": created_from}
    with closing(connect(elsewhere, "batidaPonto schema", PATIENT)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # no transaction makes a database
        cursor.execute(SQL["database_exists"], {"name": name})
        if cursor.fetchone() is None:
            with suppress(DuplicateDatabase, UniqueViolation):  # made meanwhile
                cursor.execute(SQL["database_create"], {"name": AsIs(quote_ident(name, cursor))})
                return [f"database made: {name}"]
    return []
