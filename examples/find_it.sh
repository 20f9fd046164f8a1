#!/bin/sh -e
# Find a punch by its id: first it is in the queue, then it is a row.
stack() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "${PONTO_STATE:-.local}/stack.json"; }
id=$(python -c 'import uuid; print(uuid.uuid4())')

curl -sS "$(stack api_url)" -H "x-api-key: $(stack api_key)" -H 'content-type: application/json' -w '\n' \
    -d "{\"id\": \"$id\", \"usuarioId\": 123, \"ponto\": \"$(date -u +%FT%TZ)\"}"
until ponto trace "$id"; do sleep 1; done
