"""Rights of the role of the function for receipts."""

from tests.postgres import hostile
from tests.postgres.servers import ANYBODY, Server, not_refused


def test_role_reads_only_the_columns_of_a_receipt(server: Server) -> None:
    owner = hostile.migrated(server)

    assert server.rights("ponto_receipts", "master") == {
        ("batida", name, "select") for name in ("id", "usuario_id", "ponto", "recebida_em", "gravada_em")
    }
    statements = [*ANYBODY, "set role ponto_reader", "set role ponto_function"]
    assert not_refused(hostile.signed_in("ponto_receipts", owner), statements) == []
