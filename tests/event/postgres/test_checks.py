"""What table `batida` refuses besides what follows from the fields of the body."""

from contextlib import closing

import psycopg2.errors
import pytest

from tests.database import Database
from tests.postgres.storing import add


@pytest.mark.parametrize("minutes", [-900, 900])
def test_an_offset_that_no_time_of_the_wire_has_is_refused_by_the_database_itself(
    database: Database, minutes: int
) -> None:
    with (
        closing(database.connect(user="ponto_function")) as function,
        pytest.raises(psycopg2.errors.CheckViolation, match="batida_deslocamento_check"),
    ):
        add(function, deslocamento=minutes)
