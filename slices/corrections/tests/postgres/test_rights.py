"""Privileges of the roles that write corrections."""

from typing import Any

from tests.postgres.servers import STATEMENTS_REFUSED_TO_ALL_ROLES, Server, filter_permitted, log_in

CORRECTION = ("id", "usuario_id", "tipo", "ponto", "alvo", "motivo", "autor", "criada_em")


def test_roles_write_corrections_and_read_only_what_that_needs(server: Server, owner: dict[str, str]) -> None:
    written = {("correcao", name, "insert") for name in ("id", "usuario_id", "tipo", "ponto", "alvo", "motivo")}
    read: set[tuple[Any, ...]] = {("batida", name, "select") for name in ("id", "usuario_id", "ponto")}
    read |= {("funcionario", name, "select") for name in ("usuario_id", "fuso")}
    read |= {("correcao", name, "select") for name in (None, *CORRECTION)}
    correctors = written | read | {("funcionario", "corte", "select")}
    assert server.privileges("ponto_correctors", "master") == correctors
    assert server.privileges("ponto_corrections", "master") == written | read | {("correcao", "autor", "insert")}
    statements = [
        *STATEMENTS_REFUSED_TO_ALL_ROLES,
        "insert into batida (id) values (gen_random_uuid())",
        "insert into correcao (criada_em) values (now())",
        "alter table correcao disable trigger regras",
        "set role ponto_reader",
        "set session_replication_role = replica",
    ]
    assert filter_permitted(log_in("ponto_corrections", owner), statements) == []
