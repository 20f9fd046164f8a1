"""Selection of view files if one replaces another."""

import pytest

from ponto.schema.owner import MigrationError
from ponto.schema.repeatable import select_files

VIEW = "create or replace view ponto.v as select 1;\n"
LATER_VIEW = "create or replace view ponto.later as select 2;\n"


def test_replacing_files_are_applied_in_place_of_the_replaced_one() -> None:
    replacing = f"-- replaces: one/views/01.sql\n{VIEW}"
    first = "-- replaces: one/views/01.sql\n"
    files = {
        "one/views/01.sql": VIEW,
        "one/views/02.sql": LATER_VIEW,
        "two/views/01.sql": first,
        "two/views/02.sql": replacing,
    }

    selected = select_files(files)

    assert list(selected.items()) == [
        ("two/views/01.sql", first),
        ("two/views/02.sql", replacing),
        ("one/views/02.sql", LATER_VIEW),
    ]


def test_two_files_that_create_one_object_are_refused() -> None:
    with pytest.raises(
        MigrationError,
        match=r"^two/views/01\.sql: creates view v, which one/views/01\.sql creates too.* `-- replaces: one/views",
    ):
        select_files({"one/views/01.sql": VIEW, "two/views/01.sql": VIEW})
