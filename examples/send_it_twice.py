"""Send a punch twice, as a device does that got no answer: both times the answer is 202, and there is one row."""

import json
import os
import time
import uuid
from pathlib import Path

import psycopg2
import urllib3

stack = json.loads(Path(os.environ.get("PONTO_STATE", ".local"), "stack.json").read_text())
punch = {"id": str(uuid.uuid4()), "usuarioId": 123, "ponto": "2026-11-02T08:00:00-03:00"}
for _ in range(2):
    print(urllib3.request("POST", stack["api_url"], json=punch, headers={"x-api-key": stack["api_key"]}).json())
with psycopg2.connect(stack["database_url"]) as connection, connection.cursor() as cursor:
    while cursor.rowcount < 1:
        time.sleep(2)
        cursor.execute("select ponto, gravada_em from ponto.batida where id = %s", [punch["id"]])
    print("rows:", cursor.fetchall())
