"""The function `read` with a real database: its statements, time limits and errors."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from ponto import enabled_slices
from ponto.read import packed_rows, query_function
from ponto.read.query_function import ErrorCode
from ponto.read.statements import Catalogue, Statement, to_json_values
from tests.aws import refusal
from tests.documents import blocks
from tests.postgres.storing import add_punch
from tests.waiting import wait_for
from tools.kit.project import ROOT

BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)
CATALOGUE = enabled_slices.statements()


def query(
    url: str, event: Any, catalogue: Catalogue = CATALOGUE, seconds: float = 60, user: str = "ponto_reader", **more: Any
) -> tuple[query_function.QueryResult, query_function.QueryStats]:
    return query_function.handle(event, lambda: parse_dsn(url) | {"user": user}, seconds, catalogue, **more)


def replace_sql(**statements: str) -> Catalogue:
    """Return the catalogue with some statements replaced."""
    catalogue = CATALOGUE.combine([])
    for name, sql in statements.items():
        catalogue.statements[name] = catalogue.statements[name]._replace(sql=sql)
    return catalogue


def create_event(timeout: float = 0, **read: Any) -> dict[str, Any]:
    return {"read": {name: to_json_values(values) for name, values in read.items()}, "timeout": timeout}


def test_function_reads_as_ponto_reader_and_cannot_write(migrated_url: str) -> None:
    session_catalogue = replace_sql(zone="select session_user || current_setting('transaction_read_only')")
    result, _ = query(migrated_url, create_event(zone={}), session_catalogue)
    assert list(packed_rows.unpack(result["rows"]["zone"])) == [("ponto_readeron",)]

    insert_catalogue = replace_sql(zone="insert into batida (id) values (gen_random_uuid())")
    result, _ = query(migrated_url, create_event(zone={}), insert_catalogue, user="postgres")
    assert result["sqlstate"] in ("25006", "42601")
    result, _ = query(migrated_url, create_event(zone={}), replace_sql(zone="select * from pg_authid"))
    assert result["sqlstate"] == "42501"


@pytest.mark.parametrize(
    "event",
    [
        None,
        {"read": {"zone": {}}},
        {"read": ["zone"], "timeout": 0},
        {"read": {"select 1": {}}, "timeout": 0},
        {"read": {"zone": {}}, "timeout": "long"},
        {"read": {"punch": {"id": "1); drop table batida"}}, "timeout": 0},
    ],
)
def test_only_named_statements_with_valid_values_are_run(event: Any, migrated_url: str) -> None:
    result, stats = query(migrated_url, event)

    assert (result["error"], stats) == (
        ErrorCode.INVALID_REQUEST,
        query_function.QueryStats([], 0, 0, "invalid request"),
    )


def test_statements_of_a_request_see_one_instant(migrated_url: str) -> None:
    catalogue = replace_sql(
        zone="select pg_advisory_xact_lock_shared(1)::text", now="select count(*)::text from ponto.batida"
    )
    with closing(psycopg2.connect(migrated_url)) as holder, ThreadPoolExecutor() as threads, holder.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(1)")
        answered = threads.submit(query, migrated_url, create_event(zone={}, now={}), catalogue)

        def is_waiting() -> bool:
            cursor.execute("select from pg_locks where not granted and locktype = 'advisory'")
            return cursor.rowcount == 1

        try:
            wait_for(is_waiting, "the first statement to wait")
            add_punch(holder)
        finally:
            holder.commit()
        result, _ = answered.result()

    assert list(packed_rows.unpack(result["rows"]["now"])) == [("0",)]


def test_error_of_the_function_is_logged_without_its_text(migrated_url: str) -> None:
    class Failing(dict[str, Statement[Any]]):
        def __getitem__(self, name: str) -> Statement[Any]:
            raise KeyError("a value")

    catalogue = CATALOGUE.combine([])
    catalogue.statements = Failing(CATALOGUE.statements)
    result, stats = query(migrated_url, create_event(zone={}), catalogue)

    assert result["error"] == ErrorCode.FAILED
    assert stats.error.startswith("KeyError at test_reader.py:")
    assert "a value" not in json.dumps([result, stats])


@pytest.mark.parametrize(
    ("timeout", "min_ms", "max_ms"), [(0, 20_000, 25_000), (7, 6_000, 7_000), (60, 20_000, 25_000)]
)
def test_statement_timeout_leaves_time_to_respond(migrated_url: str, timeout: int, min_ms: int, max_ms: int) -> None:
    limit = replace_sql(zone="select setting::int from pg_settings where name = 'statement_timeout'")

    result, _ = query(migrated_url, create_event(timeout, zone={}), limit, 30)

    [(limit_ms,)] = packed_rows.unpack(result["rows"]["zone"])
    assert min_ms <= limit_ms <= max_ms


def test_statement_is_canceled_when_the_time_is_used_up(migrated_url: str) -> None:
    result, _ = query(migrated_url, create_event(zone={}), replace_sql(zone="select pg_sleep(1)"), 1)

    assert (result["error"], result["sqlstate"]) == (ErrorCode.FAILED, "57014")


def test_deadline_covers_all_chunks_of_a_result(migrated_url: str) -> None:
    pause = f"case when mod(n, {packed_rows.MAX_CHUNK_ROWS}) = 1 then pg_sleep(1)::text end"  # a second for each chunk
    slow = f"select {pause} from generate_series(1, 30 * {packed_rows.MAX_CHUNK_ROWS}) as n"
    begin = time.monotonic()

    result, _ = query(migrated_url, create_event(2, zone={}, now={}), replace_sql(zone=slow, now=slow), 100)

    assert (result["error"], result["sqlstate"]) == (ErrorCode.FAILED, "57014")
    assert time.monotonic() - begin < 30  # without the deadline, it would take a minute


def test_query_of_the_runbook_lists_the_punches_of_a_key(migrated_url: str) -> None:
    for number, key in enumerate(("abcde12345", "other", None)):
        add_punch(migrated_url, number + 1, BEGIN, recebida_em=BEGIN, chave=key)
    [statement] = [block.text for block in blocks(ROOT / "docs/runbook.md") if "chave" in block.text]

    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1


def test_waiting_for_writers_ignores_tables_that_do_not_exist_yet(migrated_url: str) -> None:
    with closing(psycopg2.connect(migrated_url)) as database:
        query_function.wait_for_writers(database, ["batida", "not_made_yet"])


def test_unreadable_secret_is_reported() -> None:
    def parameters() -> dict[str, str]:
        raise refusal("AccessDeniedException", "not the secret")

    result, stats = query_function.handle(create_event(zone={}), parameters, 60, CATALOGUE)

    assert result["error"] == ErrorCode.FAILED
    assert "the password cannot be fetched" in result["message"]
    assert "not the secret" not in stats.error
