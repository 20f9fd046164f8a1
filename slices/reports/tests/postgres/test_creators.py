"""Whoever may create in the schema: what they put there runs with nobody else's rights, and no report is made."""

from datetime import date

import pytest

from ponto.reader import answers, columns, statements
from tests.database import ask
from tests.postgres.creators import EMPLOYEE, way_of
from tests.postgres.creators import intruder as intruder
from tests.postgres.creators import owner as owner
from tests.postgres.creators import schema as schema
from tests.postgres.servers import Server

MONTHS = {"read": {"person_months": statements.written({"usuario": EMPLOYEE})}, "timeout": 0}

# It takes what the reports may read.
PUNCHES = """
create function {at}.batidas_enviadas(text, text, bigint) returns setof {schema}.batida_local language plpgsql as $$
begin
    raise exception '%', (select row_to_json(funcionario) from {schema}.funcionario limit 1);
end
$$
"""


def test_a_report_calls_nothing_that_somebody_else_put_into_the_schema(
    owner: dict[str, str], intruder: dict[str, str], schema: str
) -> None:
    ask(owner, "insert into funcionario (usuario_id, nome, cpf) values (%s, 'Ana', '12345678901')", EMPLOYEE)
    way = way_of("ponto_reader", owner)
    ask(intruder, PUNCHES.format(at=f'"{schema}"', schema=f'"{schema}"'))

    answer, done = answers.answer(MONTHS, lambda: way, 60)

    assert "everybody (PUBLIC) may create in it" in answer["message"]
    assert "12345678901" not in answer["message"]
    assert done.error == "NotOwnSchemaError"

    ask(owner, f'revoke create on schema "{schema}" from public')
    answer, _ = answers.answer(MONTHS, lambda: way, 60)
    assert "batidas_enviadas(text,text,bigint) of ponto_function" in answer["message"]
    ask(owner, f'drop function "{schema}".batidas_enviadas(text, text, bigint)')
    answer, _ = answers.answer(MONTHS, lambda: way, 60)
    assert list(columns.unpacked(answer["rows"]["person_months"])) == [(date(2026, 10, 1),)]


@pytest.mark.parametrize("schema", ["Ponto de Batida"], indirect=True)
def test_nothing_is_called_in_another_schema_of_the_search_path(
    server: Server, owner: dict[str, str], schema: str
) -> None:
    server.ask(f'alter database master set search_path = "{schema}", public')
    server.ask("grant usage, create on schema public to public", "master")
    ask(way_of("ponto_function", owner), PUNCHES.format(at="public", schema=f'"{schema}"'))

    answer, _ = answers.answer(MONTHS, lambda: way_of("ponto_reader", owner), 60)

    assert list(columns.unpacked(answer["rows"]["person_months"])) == [(date(2026, 10, 1),)]
