#!/bin/sh -e
# Import a file of punches. The command waits until the function has read it, and prints how many punches were accepted.
file=$(mktemp)
trap 'rm "$file"' EXIT

printf '%s\n' 'usuarioId;ponto' '127;2026-11-05T08:00' '127;2026-11-05T12:00' > "$file"
ponto import "$file"
