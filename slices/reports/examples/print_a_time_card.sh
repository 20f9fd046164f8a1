#!/bin/sh -e
# Print the time card of an employee who worked one morning.
stack() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "${PONTO_STATE:-.local}/stack.json"; }

for time in 08:00 12:00; do
    curl -sS "$(stack api_url)" -H "x-api-key: $(stack api_key)" -H 'content-type: application/json' -w '\n' \
    -d "{\"usuarioId\": 125, \"ponto\": \"2026-11-03T$time\"}"
done
until ponto report timecard --employee 125 --month 2026-11; do sleep 1; done
