"""Upper limit: COPY of rows that are prepared as text before the measurement.

No handler can use COPY like this, because it cannot skip duplicates. It shows how much of the time PostgreSQL itself
needs.
"""

import io
import json
from datetime import datetime, timedelta
from typing import Any

from lab.bench.peers import connection

_COPY = "copy ponto.batida (id, usuario_id, ponto, deslocamento, offline, recebida_em, mensagem_id) from stdin"


def prepare(event: Any) -> str:
    """Return a batch in the text format of COPY. This is not measured."""
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


def main(text: str, context: object) -> None:  # noqa: ARG001  signature of Lambda
    """Store a prepared batch."""
    with connection().cursor() as cursor:
        cursor.copy_expert(_COPY, io.StringIO(text))
