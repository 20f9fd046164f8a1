"""The table's checks are the same whatever the database's defaults are."""

import psycopg2
import pytest

from ponto.admin.migrations import REFERENCE, migrate
from tests.database import ask
from tests.postgres.hostile import ZONE
from tests.postgres.servers import Server


def test_weaker_defaults_of_the_database_change_no_check(server: Server) -> None:
    owner = server.owner("master")
    server.ask(
        "alter database master set standard_conforming_strings = off;"
        "alter database master set transform_null_equals = on"
    )

    migrate(owner, ZONE, REFERENCE)

    with pytest.raises(psycopg2.errors.CheckViolation):
        ask(
            owner,
            "set standard_conforming_strings = on; insert into ponto.batida (id, usuario_id, ponto, dispositivo)"
            " values (gen_random_uuid(), 1, now(), E'a\\u202eb')",
        )
