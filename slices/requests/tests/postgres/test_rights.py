"""Privileges of the functions' roles, and of the reader."""

from typing import Any

from tests.postgres.servers import STATEMENTS_REFUSED_TO_ALL_ROLES, Server, filter_permitted, log_in

STATE = "solicitacao_situacao"


def privileges(relation: str, privilege: str, *columns: str) -> set[tuple[Any, ...]]:
    return {(relation, column, privilege) for column in columns}


def test_roles_write_their_table_and_read_only_what_that_needs(server: Server, owner: dict[str, str]) -> None:
    content = ("id", "usuario_id", "tipo", "ponto", "batida_id", "motivo")
    assert server.privileges("ponto_requests", "master") == (
        privileges("solicitacao", "insert", *content, "autenticada")
        | privileges("solicitacao", "select", "id")
        | privileges(STATE, "select", *content, "criada_em", "situacao", "correcao_id", "recusa_motivo")
        | privileges("batida", "select", "id", "usuario_id", "ponto")
        | privileges("funcionario", "select", "usuario_id", "fuso")
        | privileges("correcao", "select", "usuario_id")
    )
    assert server.privileges("ponto_refusals", "master") == (
        privileges("recusa", "insert", "solicitacao_id", "motivo", "autor")
        | privileges("recusa", "select", "solicitacao_id")
        | privileges(STATE, "select", "id", "situacao", "correcao_id", "recusa_motivo", "recusa_autor")
    )
    reader = {
        each for each in server.privileges("ponto_reader", "master") if each[0] in ("solicitacao", "recusa", STATE)
    }
    assert {(relation, privilege) for relation, _, privilege in reader} == {(STATE, "select")}
    for role in ("ponto_requests", "ponto_refusals"):
        statements = [*STATEMENTS_REFUSED_TO_ALL_ROLES, "alter table solicitacao disable trigger append_only"]
        assert filter_permitted(log_in(role, owner), statements) == []
