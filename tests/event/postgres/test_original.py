"""The SQL of docs/original.md, which copies the rows of the original's table."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from ponto.shared.derived_id import derive_id
from tests.database import TIME_ZONE, Database
from tests.documents import blocks, derived_id_code
from tools.kit.project import ROOT

BRT = timezone(timedelta(hours=-3))


def test_documented_statement_copies_each_punch_of_the_original_once(database: Database) -> None:
    database.execute(
        "create table public.batida (id serial primary key, usuario_id integer, ponto timestamp);"
        "insert into public.batida (usuario_id, ponto) values"
        " (1, '2020-10-05 08:00'), (1, '2020-10-05 08:00'), (1, '2020-10-05 08:00'), (2, '2020-10-05 08:00'),"
        " (1, '2020-10-05 12:00:00.123456'), (2147483647, '1900-01-01 00:00'), (1, '2999-12-31 23:59:59.999999'),"
        " (0, '2020-10-05 08:00'), (-7, '2020-10-05 08:00'), (null, '2020-10-05 08:00'), (1, null),"
        " (1, '1899-12-31 23:59:59.999999'), (1, '3000-01-01 00:00'),"
        " (1, 'infinity'), (1, '-infinity'), (1, '294276-12-31'), (1, '0044-03-15 BC'), (null, null)"
    )
    [statement] = [block.text for block in blocks(ROOT / "docs/original.md") if block.language == "sql"]
    database.execute(f"set timezone = '{TIME_ZONE}'")
    database.execute(derived_id_code("sql"))

    for _ in range(2):
        database.execute(statement)

    copied = database.execute("select id, usuario_id, ponto from ponto.batida")
    assert {(usuario_id, ponto) for _, usuario_id, ponto in copied} == {
        (1, datetime(2020, 10, 5, 8, tzinfo=BRT)),
        (2, datetime(2020, 10, 5, 8, tzinfo=BRT)),
        (1, datetime(2020, 10, 5, 12, 0, 0, 123_456, tzinfo=BRT)),
        (2_147_483_647, datetime(1900, 1, 1, tzinfo=ZoneInfo(TIME_ZONE))),
        (1, datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=BRT)),
    }
    assert all(punch_id == derive_id(usuario_id, ponto) for punch_id, usuario_id, ponto in copied)
    assert database.execute("select count(*) from public.batida") == [(18,)]
