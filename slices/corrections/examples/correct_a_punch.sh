#!/bin/sh -e
# Add the punch that an employee forgot in the evening, and list the month's corrections.
stack() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "${PONTO_STATE:-.local}/stack.json"; }

curl -sS "$(stack api_url)" -H "x-api-key: $(stack api_key)" -H 'content-type: application/json' -w '\n' \
    -d '{"usuarioId": 126, "ponto": "2026-11-04T08:00"}'
until ponto trace --employee 126 --day 2026-11-04; do sleep 1; done
ponto correct add --employee 126 --at 2026-11-04T18:00 --reason "no tablet"
ponto correct list --month 2026-11
