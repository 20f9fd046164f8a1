#!/bin/sh -e
# Ask to add the punch that an employee forgot in the evening, accept the request, and show it.
stack() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "${PONTO_STATE:-.local}/stack.json"; }
day=$(python -c 'import datetime as d; print(d.date.today() - d.timedelta(1))')
id=$(python -c 'import time, uuid; t = f"{time.time_ns() // 10**6:012x}"; print(f"{t[:8]}-{t[8:]}-7{str(uuid.uuid4())[15:]}")')

curl -sS "$(stack api_url)" -H "x-api-key: $(stack api_key)" -H 'content-type: application/json' -w '\n' \
    -d "{\"usuarioId\": 127, \"ponto\": \"${day}T08:00\"}"
until ponto trace --employee 127 --day "$day"; do sleep 1; done
curl -sS "$(stack api_url | sed 's/ponto$/solicitacao/')" -H "x-api-key: $(stack api_key)" \
    -H 'content-type: application/json' -w '\n' \
    -d "{\"id\": \"$id\", \"usuarioId\": 127, \"tipo\": \"inclusao\", \"ponto\": \"${day}T18:00\", \"motivo\": \"forgot in the evening\"}"
ponto requests accept "$id"
ponto requests show "$id"
