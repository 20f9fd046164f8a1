#!/bin/sh -e
# Stop the database for 10 seconds, and send a punch. It is accepted, waits in the queue, and is stored when the database is back.
stack() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "${PONTO_STATE:-.local}/stack.json"; }
id=$(python -c 'import uuid; print(uuid.uuid4())')
key=$(python -c 'import sys; from tools.local.flow import key; print(key(sys.argv[1]))' "$(stack aws_access_key_id)")

curl -sS -X POST "$(stack aws_endpoint_url)/flow/stop-database/10" -H "x-run: $key"
curl -sS "$(stack api_url)" -H "x-api-key: $(stack api_key)" -H 'content-type: application/json' -w '\n' \
    -d "{\"id\": \"$id\", \"usuarioId\": 123, \"ponto\": \"$(date -u +%FT%TZ)\"}"
until ponto trace "$id"; do sleep 2; done
