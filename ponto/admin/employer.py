"""The employer, as the stage's parameter names it."""

from pathlib import Path

from ponto.admin.owner import connected
from ponto.connection import Parameters
from ponto.own_schema import schema_of

_STORE = (Path(__file__).parent / "sql" / "employer_store.sql").read_text(encoding="utf-8")


def store(parameters: Parameters, employer: str) -> None:
    """Store who employs, instead of who did before.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of the owner.
        employer: as of `ponto.employer.read`; empty: nobody is named.

    Raises:
        psycopg2.Error: no connection, after all tries of `connect`; or it broke.
    """
    with connected(parameters) as connection, connection.cursor() as cursor:
        cursor.execute(_STORE, {"schema": schema_of(cursor), "employer": employer})
        connection.commit()
