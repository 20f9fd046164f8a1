"""Privileges on the table funcionario."""

from tests.database import execute
from tests.postgres.servers import Server


def test_role_that_writes_employees_needs_no_other_privilege(server: Server, owner: dict[str, str]) -> None:
    server.execute("create role clerk login password 'clerk'")
    execute(owner, "grant usage on schema ponto to clerk; grant insert, update, select on funcionario to clerk")
    clerk = owner | {"user": "clerk", "password": "clerk"}

    execute(
        clerk,
        "set search_path = ''; insert into ponto.funcionario (usuario_id, nome, fuso) values"  # as pg_restore sets it
        " (1, 'Ana', 'America/Sao_Paulo'), (2, 'Bia', 'Asia/Tokyo'), (3, 'Caio', null);"
        " update ponto.funcionario set fuso = 'Asia/Tokyo' where usuario_id = 3",
    )

    changed = execute(owner, "select usuario_id from funcionario where zona_mudou_em is not null order by usuario_id")
    assert changed == [(2,), (3,)]
