"""The passwords of the roles that the migrations make."""

from contextlib import closing

from psycopg2.extensions import encrypt_password, quote_ident

from ponto.connection import Parameters, connect

FUNCTION = "ponto_function"
"""The role that stores punches."""


class NotTheFunction(ValueError):
    """The function's secret names another role."""


def set_function_password(parameters: Parameters, user: str, password: str) -> None:
    """Give the role that stores punches the password of its secret, as `set_password` does.

    Args:
        parameters: as of `set_password`.
        user: whom the secret names: whoever may write it is not to set anybody else's password.
        password: what the secret holds.

    Raises:
        NotTheFunction: the secret names another role.
        psycopg2.Error: as of `set_password`.
    """
    if user != FUNCTION:
        raise NotTheFunction(
            f"The secret of FUNCTION_SECRET_ARN has the username {user!r}; it must be {FUNCTION}. "
            "No password was changed."
        )
    set_password(parameters, FUNCTION, password)


def set_password(parameters: Parameters, role: str, password: str) -> None:
    """Give a role its password. Sessions that are open stay so.

    It is hashed here, so that neither the server nor its log sees it.

    Args:
        parameters: keyword arguments of `psycopg2.connect`, of a user who may alter the role.
        role: its name.
        password: the new one.

    Raises:
        psycopg2.Error: no connection, no such role, or the user may not alter it; the message says what it lacks.
    """
    with closing(connect(parameters, "batidaPonto schema")) as connection, connection.cursor() as cursor:
        hashed = encrypt_password(password, role, connection, "scram-sha-256")
        cursor.execute(f"alter role {quote_ident(role, cursor)} password %s", [hashed])
        connection.commit()
