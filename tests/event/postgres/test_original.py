"""Migration of the first version's table: its punches are copied, and the table is unchanged."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ponto.admin.migrations import REFERENCE_FOLDERS, MigrationResult, migrate
from ponto.derived_id import derive_id
from tests.database import Database

ZONE = "America/Sao_Paulo"
BRT = timezone(timedelta(hours=-3))
ORIGINAL = "create table batida (id serial primary key, usuario_id integer, ponto timestamp);"

Run = Callable[[], MigrationResult]


@pytest.fixture
def run(empty: Database) -> Run:
    """Return a function that applies the migrations."""
    return lambda: migrate(empty.owner, ZONE, REFERENCE_FOLDERS)


def test_punches_of_the_first_version_are_copied_and_its_table_is_unchanged(empty: Database, run: Run) -> None:
    empty.execute(ORIGINAL)
    empty.execute(
        "insert into batida (usuario_id, ponto) values"
        " (1, '2020-10-05 08:00'), (1, '2020-10-05 08:00'), (1, '2020-10-05 08:00'), (2, '2020-10-05 08:00'),"
        " (1, '2020-10-05 12:00:00.123456'), (2147483647, '1900-01-01 00:00'), (1, '2999-12-31 23:59:59.999999'),"
        " (0, '2020-10-05 08:00'), (-7, '2020-10-05 08:00'), (null, '2020-10-05 08:00'), (1, null),"
        " (1, '1899-12-31 23:59:59.999999'), (1, '3000-01-01 00:00'),"
        " (1, 'infinity'), (1, '-infinity'), (1, '294276-12-31'), (1, '0044-03-15 BC'), (null, null)"
    )
    before = empty.execute("select id, usuario_id, ponto::text from batida order by id")

    migrated = run()

    assert migrated.notices == [
        "NOTICE:  public.batida: 18 rows, 5 punches copied, 2 repeats,"
        " 11 left out (no employee above 0, no time from 1900 to 2999)"
    ]
    assert empty.execute("select id, usuario_id, ponto::text from public.batida order by id") == before
    assert (
        empty.execute(
            "select deslocamento, dispositivo, offline, enviado, latitude, longitude, precisao, recebida_em,"
            " mensagem_id from batida"
        )
        == [(None,) * 9] * 5
    )
    expected = {
        (1, datetime(2020, 10, 5, 8, tzinfo=BRT)),
        (2, datetime(2020, 10, 5, 8, tzinfo=BRT)),
        (1, datetime(2020, 10, 5, 12, 0, 0, 123_456, tzinfo=BRT)),
        (2_147_483_647, datetime(1900, 1, 1, tzinfo=ZoneInfo(ZONE))),
        (1, datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=BRT)),
    }
    copied = empty.execute("select id, usuario_id, ponto from batida")
    assert {(usuario_id, ponto) for _, usuario_id, ponto in copied} == expected
    assert all(punch_id == derive_id(usuario_id, ponto) for punch_id, usuario_id, ponto in copied)


def test_unrelated_table_of_the_same_name_is_ignored(empty: Database, run: Run) -> None:
    empty.execute(
        "create table batida (id serial primary key, quando date); insert into batida values (default, now())"
    )

    assert run().notices == []

    assert empty.execute("select count(*) from public.batida") == [(1,)]
    assert empty.execute("select count(*) from ponto.batida") == [(0,)]


def test_view_with_the_first_versions_columns_is_not_read(empty: Database, run: Run) -> None:
    empty.execute("create view batida as select 1 as id, 1 as usuario_id, timestamp '2020-10-05' as ponto, 1/0 as trap")

    run()

    assert empty.execute("select count(*) from ponto.batida") == [(0,)]


def test_table_of_another_owner_is_not_copied_and_a_notice_is_given(empty: Database, run: Run) -> None:
    empty.execute(ORIGINAL + "create role other; alter table batida owner to other")
    try:
        notices = run().notices

        assert re.search(
            r"rows of public\.batida were not copied.*to other.*alter table public\.batida owner to", str(notices)
        )
        assert empty.execute("select count(*) from ponto.batida") == [(0,)]
    finally:
        empty.execute("drop owned by other; drop role other")
