"""The limit: PostgreSQL's COPY of rows that somebody has read, checked and written as text already.

No handler can do that, for COPY cannot skip a duplicate: it tells how much of the time is PostgreSQL's own.
"""

import io
import json
from datetime import datetime, timedelta
from typing import Any

from lab.bench.peers import connection

_COPY = "copy ponto.batida (id, usuario_id, ponto, deslocamento, offline, recebida_em, mensagem_id) from stdin"


def prepare(event: Any) -> str:
    """Write a batch as COPY's text; not part of what is measured."""
    lines = []
    for record in event["Records"]:
        punch = json.loads(record["body"])
        offset = datetime.fromisoformat(punch["ponto"]).utcoffset() or timedelta()
        received = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000).astimezone()
        values = (
            punch["id"],
            punch["usuarioId"],
            punch["ponto"],
            offset // timedelta(minutes=1),
            punch["offline"],
            received.isoformat(),
            record["messageId"],
        )
        lines.append("\t".join(map(str, values)) + "\n")
    return "".join(lines)


def main(text: str, context: object) -> None:  # noqa: ARG001  as the others
    """Store a batch that was prepared."""
    with connection().cursor() as cursor:
        cursor.copy_expert(_COPY, io.StringIO(text))
