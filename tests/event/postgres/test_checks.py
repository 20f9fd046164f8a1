"""Checks of table `batida` that do not follow from the fields of a body."""

from contextlib import closing

import psycopg2.errors
import pytest

from ponto.schema.migrations import BASE_FOLDERS, migrate
from tests.database import Database, execute
from tests.postgres.servers import Server
from tests.postgres.storing import add_punch


@pytest.mark.parametrize("minutes", [-900, 900])
def test_invalid_offset_violates_a_check(database: Database, minutes: int) -> None:
    with (
        closing(database.connect(user="ponto_drain")) as function,
        pytest.raises(psycopg2.errors.CheckViolation, match="batida_deslocamento_check"),
    ):
        add_punch(function, deslocamento=minutes)


def test_checks_do_not_depend_on_defaults_of_the_database(server: Server) -> None:
    owner = server.create_owner("master")
    server.execute(
        "alter database master set standard_conforming_strings = off;"
        "alter database master set transform_null_equals = on"
    )

    migrate(owner, "America/Sao_Paulo", BASE_FOLDERS)

    with pytest.raises(psycopg2.errors.CheckViolation):
        execute(
            owner,
            "set standard_conforming_strings = on; insert into ponto.batida (id, usuario_id, ponto, dispositivo)"
            " values (gen_random_uuid(), 1, now(), E'a\\u202eb')",
        )
