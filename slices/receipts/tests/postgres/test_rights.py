"""Privileges of the database role of the function for receipts."""

from ponto.punch import EVENT
from tests.postgres.servers import STATEMENTS_REFUSED_TO_ALL_ROLES, Server, filter_permitted, log_in


def test_role_reads_only_the_columns_of_a_receipt(server: Server, owner: dict[str, str]) -> None:
    assert server.privileges("ponto_receipts", "master") == {
        ("batida", name, "select") for name in ("id", EVENT.subject, EVENT.instant, "recebida_em", "gravada_em")
    }
    statements = [*STATEMENTS_REFUSED_TO_ALL_ROLES, "set role ponto_reader", "set role ponto_drain"]
    assert filter_permitted(log_in("ponto_receipts", owner), statements) == []
