"""psycopg2's own way to insert many rows: `execute_values`, a statement per batch, on a kept connection.

Nothing is checked, and nobody learns which rows were new.
"""

import json
from typing import Any

from psycopg2.extras import execute_values

from lab.bench.peers import connection

_INSERT = """
insert into ponto.batida (id, usuario_id, ponto, offline, recebida_em, mensagem_id) values %s
on conflict (id) do nothing
"""
_ROW = "(%s::uuid, %s, %s::timestamptz, %s, to_timestamp(%s / 1000.0), %s)"


def main(event: Any, context: object) -> dict[str, list[str]]:  # noqa: ARG001  Lambda's signature
    """Store a batch."""
    rows = []
    for record in event["Records"]:
        punch = json.loads(record["body"])
        rows.append(
            (
                punch["id"],
                punch["usuarioId"],
                punch["ponto"],
                punch.get("offline"),
                int(record["attributes"]["SentTimestamp"]),
                record["messageId"],
            )
        )
    with connection().cursor() as cursor:
        execute_values(cursor, _INSERT, rows, _ROW, page_size=len(rows))
    return {"batchItemFailures": []}
