"""Call the function in this process, with an event as SQS sends it: no gateway and no queue, only the database."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

from psycopg2.extensions import parse_dsn

import handler

stack = json.loads(Path(os.environ.get("PONTO_STATE", ".local"), "stack.json").read_text())
database = parse_dsn(stack["database_url"])
os.environ |= {f"DB_{key}": database[value] for key, value in (("HOST", "host"), ("NAME", "dbname"), ("USER", "user"))}
os.environ |= {"DLQ_URL": stack["dlq_url"], "TIME_ZONE": "America/Sao_Paulo"}
punch = {"usuarioId": 123, "ponto": "2026-11-02T08:00:00-03:00"}
sent = {"SentTimestamp": "1793620801000", "ApproximateReceiveCount": "1"}
message = {"eventSource": "aws:sqs", "messageId": "m1", "body": json.dumps(punch), "attributes": sent}
context = SimpleNamespace(aws_request_id="offline", get_remaining_time_in_millis=lambda: 10_000)
raise SystemExit(handler.main({"Records": [message]}, context)["batchItemFailures"] or 0)  # to be delivered again
