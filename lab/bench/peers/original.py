"""Rewrite of the first version of this project: a connection per invocation, an INSERT per punch, SQL from strings.

It keeps all faults of the first version, including those of security: never use it. It differs in one point: the table
of the first version numbered the rows, and this one stores the id from the client.
"""

import json
from contextlib import closing
from typing import Any

import psycopg2


def main(event: Any, context: object) -> dict[str, int]:  # noqa: ARG001  signature of Lambda
    """Insert the punches of a batch one by one, and commit once."""
    with closing(psycopg2.connect("")) as connection:
        with connection.cursor() as cursor:
            for record in event["Records"]:
                punch = json.loads(record["body"])
                cursor.execute(
                    "INSERT INTO ponto.batida (id, usuario_id, ponto) VALUES "  # noqa: S608  as in the first version
                    f"('{punch['id']}', {punch['usuarioId']}, '{punch['ponto']}')"
                )
        connection.commit()
    return {"statusCode": 200}
