"""Whoever may create in the schema: what they put there runs with nobody else's rights, and no request is answered."""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2

from slices.corrections.function import answer as answered
from slices.corrections.write import Correction, write
from tests.database import ask
from tests.postgres.creators import EMPLOYEE, PUNCH, way_of
from tests.postgres.creators import intruder as intruder
from tests.postgres.creators import owner as owner
from tests.postgres.creators import schema as schema

# It writes a second correction, if whoever may correct calls it.
CONCAT = """
create function {schema}.concat_ws(text, text, text, bigint, text, uuid, bigint) returns text language plpgsql as $$
begin
    insert into {schema}.correcao (id, usuario_id, tipo, ponto, motivo, autor)
    values ('c0000000-0000-8000-8000-000000000001', $4, 'inclusao', '2026-10-02 08:00Z', 'forged', 'boss');
    return pg_catalog.concat_ws($1, $2, $3, $4, $5, $6, $7);
end
$$
"""


def test_a_correction_calls_nothing_that_somebody_else_put_into_the_schema(
    owner: dict[str, str], intruder: dict[str, str], schema: str
) -> None:
    way: dict[str, Any] = way_of("ponto_corrections", owner)
    ask(intruder, CONCAT.format(schema=f'"{schema}"'))

    asked = Correction("inclusao", "forgotten", EMPLOYEE, datetime(2026, 10, 1, 18, tzinfo=UTC))
    with closing(psycopg2.connect(**way)) as connection:
        [written] = write(connection, [asked], "arn:of:somebody")

    assert ask(owner, "select id::text, motivo, autor from correcao") == [(written.id, "forgotten", "arn:of:somebody")]


def test_a_request_for_a_correction_is_refused_where_somebody_else_may_create(
    owner: dict[str, str], schema: str
) -> None:
    ask(owner, f'grant create on schema "{schema}" to public')
    way: dict[str, Any] = way_of("ponto_corrections", owner)
    event = {
        "body": json.dumps({"correcoes": [{"tipo": "anulacao", "alvo": PUNCH, "motivo": "wrong"}]}),
        "requestContext": {"identity": {"userArn": "arn:of:somebody"}},
    }
    answer, done = answered(event, lambda: way, "")

    assert answer["statusCode"] == 500
    assert "everybody (PUBLIC) may create in it" in json.loads(answer["body"])["message"]
    assert done.error == "NotOwnSchemaError"
