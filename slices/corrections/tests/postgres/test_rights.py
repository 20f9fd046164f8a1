"""Rights of the roles that write corrections."""

from typing import Any

from tests.postgres import hostile
from tests.postgres.servers import ANYBODY, Server, not_refused

CORRECTION = ("id", "usuario_id", "tipo", "ponto", "alvo", "motivo", "autor", "criada_em")


def test_roles_write_corrections_and_read_only_what_that_needs(server: Server) -> None:
    owner = hostile.migrated(server)

    own = {("correcao", name, "insert") for name in ("id", "usuario_id", "tipo", "ponto", "alvo", "motivo")}
    read: set[tuple[Any, ...]] = {("batida", name, "select") for name in ("id", "usuario_id", "ponto")}
    read |= {("funcionario", name, "select") for name in ("usuario_id", "fuso")}
    read |= {("correcao", name, "select") for name in (None, *CORRECTION)}
    correctors = own | read | {("funcionario", "corte", "select")}
    assert server.rights("ponto_correctors", "master") == correctors
    assert server.rights("ponto_corrections", "master") == own | read | {("correcao", "autor", "insert")}
    statements = [
        *ANYBODY,
        "insert into batida (id) values (gen_random_uuid())",
        "insert into correcao (criada_em) values (now())",
        "alter table correcao disable trigger regras",
        "set role ponto_reader",
        "set session_replication_role = replica",
    ]
    assert not_refused(hostile.signed_in("ponto_corrections", owner), statements) == []
