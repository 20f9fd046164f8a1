"""Creation of the database, where AWS makes a cluster without one."""

from contextlib import closing, suppress

from psycopg2.errors import DuplicateDatabase, UniqueViolation
from psycopg2.extensions import quote_ident

from ponto.admin.owner import PATIENT
from ponto.connection import Parameters, connect


def make_database(parameters: Parameters, created_from: str) -> list[str]:
    """Create a database if it does not exist, from another one; several callers may do so at once.

    Returns:
        A line if it was created.
    """
    name = str(parameters["dbname"])
    existing = {**parameters, "dbname": created_from}
    with closing(connect(existing, "batidaPonto schema", PATIENT)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # no transaction creates a database
        cursor.execute("select from pg_database where datname = %s", [name])
        if cursor.fetchone() is None:
            with suppress(DuplicateDatabase, UniqueViolation):  # created meanwhile
                cursor.execute(f"create database {quote_ident(name, cursor)}")
                return [f"database made: {name}"]
    return []
