"""Privileges of the database role of the function for receipts."""

from ponto.punch import EVENT
from tests.postgres import hostile_database
from tests.postgres.servers import STATEMENTS_REFUSED_TO_ALL_ROLES, Server, filter_permitted


def test_role_reads_only_the_columns_of_a_receipt(server: Server) -> None:
    owner = hostile_database.create_migrated_database(server)

    assert server.privileges("ponto_receipts", "master") == {
        ("batida", name, "select") for name in ("id", EVENT.subject, EVENT.instant, "recebida_em", "gravada_em")
    }
    statements = [*STATEMENTS_REFUSED_TO_ALL_ROLES, "set role ponto_reader", "set role ponto_drain"]
    assert filter_permitted(hostile_database.login_parameters("ponto_receipts", owner), statements) == []
