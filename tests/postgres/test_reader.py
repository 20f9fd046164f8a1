"""The function that reads, on a real database: what it runs, in which time, and what it says of what goes wrong."""

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from ponto.reader import answers, columns, statements
from ponto.reader.answers import Why
from tests import commands
from tests.aws import Calls, refusal
from tests.commands import write_stack_on
from tests.functions import Functions
from tests.postgres.storing import add, in_texts

BEGIN = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture
def calls(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Let whoever invokes a function call the handler, on a database with rows of a key."""
    for days in range(4):
        at = BEGIN + timedelta(days=days)
        add(migrated_url, 108, at, recebida_em=at + timedelta(seconds=2), chave="gate", **in_texts("=gate"))
    calls = Calls(monkeypatch)
    calls.instead["Invoke"] = Functions(migrated_url, "ponto_reader").invoke
    return calls


def ask(
    url: str, event: Any, most_bytes: int = answers.MOST_BYTES, **other: str
) -> tuple[answers.Result, answers.Read]:
    parameters = parse_dsn(url) | {"user": "ponto_reader"} | other
    return answers.answer(event, lambda: parameters, 60, most_bytes)


def event_of(timeout: float = 0, **read: Any) -> dict[str, Any]:
    return {"read": {name: statements.written(values) for name, values in read.items()}, "timeout": timeout}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer have room for three employees."""
    real = answers.answer

    def answer(event: Any, parameters: Any, seconds: float) -> Any:
        of = [values["usuarios"] for values in event["read"].values() if "usuarios" in values and "de" not in values]
        is_too_large = any(employees is None or len(employees) > 3 for employees in of)
        return real(event, parameters, seconds, 0 if is_too_large else answers.MOST_BYTES)

    monkeypatch.setattr(answers, "answer", answer)


def test_it_reads_as_its_own_role_and_cannot_write(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(statements._SQL, "zone", "select session_user || current_setting('transaction_read_only')")
    answer, _ = ask(migrated_url, event_of(zone={}))
    assert list(columns.unpacked(answer["rows"]["zone"])) == [("ponto_readeron",)]

    for statement in ("insert into batida (id) values (gen_random_uuid())", "select * from pg_authid"):
        monkeypatch.setitem(statements._SQL, "zone", statement)
        answer, _ = ask(migrated_url, event_of(zone={}), user="postgres" if "insert" in statement else "ponto_reader")
        assert answer["sqlstate"] in ("25006", "42501", "42601")


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"read": {"zone": {}}},
        {"read": ["zone"], "timeout": 0},
        {"read": {"select 1": {}}, "timeout": 0},
        {"read": {"zone": None}, "timeout": 0},
        {"read": {"zone": {}}, "timeout": "long"},
        {"read": {"punch": {"id": "1); drop table batida"}}, "timeout": 0},
    ],
)
def test_nothing_but_a_name_with_its_values_is_run(event: Any, migrated_url: str) -> None:
    answer, done = ask(migrated_url, event)

    assert (answer["why"], done) == (Why.NOT_ASKED, answers.Read([], 0, 0, "not asked"))


def test_an_earlier_instant_does_not_wait_for_a_slices_table_that_the_migrations_have_not_made_yet(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "WRITTEN", ["ponto.batida", "ponto.not_made_yet"])
    with closing(psycopg2.connect(migrated_url)) as database:
        answers.settle(database)


def test_an_error_of_our_own_is_told_by_its_kind_and_place_only(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a value")

    monkeypatch.setattr(columns.Packed, "add", fail)

    answer, done = ask(migrated_url, event_of(zone={}))

    assert answer["why"] == Why.FAILED
    assert done.error.startswith("KeyError at test_reader.py:")
    assert "a value" not in json.dumps([answer, done])


@pytest.mark.parametrize(
    ("timeout", "least_ms", "most_ms"), [(0, 20_000, 25_000), (7, 6_000, 7_000), (60, 20_000, 25_000)]
)
def test_a_statement_leaves_the_function_the_time_to_answer(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch, timeout: int, least_ms: int, most_ms: int
) -> None:
    limit = "select setting::int from pg_settings where name = 'statement_timeout'"
    monkeypatch.setitem(statements._SQL, "zone", limit)

    answer, _ = answers.answer(event_of(timeout, zone={}), lambda: parse_dsn(migrated_url), 30)

    [(limit_ms,)] = columns.unpacked(answer["rows"]["zone"])
    assert least_ms <= limit_ms <= most_ms


def test_a_statement_for_which_no_time_is_left_is_canceled(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(statements._SQL, "zone", "select pg_sleep(1)")

    answer, _ = answers.answer(event_of(zone={}), lambda: parse_dsn(migrated_url), 1)

    assert (answer["why"], answer["sqlstate"]) == (Why.FAILED, "57014")


def test_one_deadline_holds_for_all_parts_of_an_answer(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    each = f"case when mod(n, {columns.AT_ONCE}) = 1 then pg_sleep(1)::text end"  # a second for each part
    slow = f"select {each} from generate_series(1, 30 * {columns.AT_ONCE}) as n"
    monkeypatch.setitem(statements._SQL, "zone", slow)
    monkeypatch.setitem(statements._SQL, "now", slow)
    begin = time.monotonic()

    answer, _ = answers.answer(event_of(5, zone={}, now={}), lambda: parse_dsn(migrated_url), 100)

    assert (answer["why"], answer["sqlstate"]) == (Why.FAILED, "57014")
    assert time.monotonic() - begin < 30  # all of it takes a minute


def test_a_wrong_password_is_no_paused_database(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **__: Any) -> None:
        raise psycopg2.OperationalError('FATAL: password authentication failed for user "ponto_reader"')

    monkeypatch.setattr(answers, "connect", connect)

    answer, done = ask(migrated_url, event_of(zone={}))

    assert (answer["why"], done.error) == (Why.SIGN_IN, "sign-in: OperationalError")


def test_a_secret_that_cannot_be_read_is_said() -> None:
    def parameters() -> dict[str, str]:
        raise refusal("AccessDeniedException", "not the secret")

    answer, done = answers.answer(event_of(zone={}), parameters, 60)

    assert answer["why"] == Why.FAILED
    assert "the password cannot be read" in answer["message"]
    assert "not the secret" not in done.error


def test_the_rows_of_a_key_are_the_same_by_the_function(
    calls: Calls, migrated_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.instead["GetApiKeys"] = {"items": []}
    run = commands.runner(capsys, "keys", "rows", "gate", "--state", write_stack_on(tmp_path, migrated_url))
    direct = run("--json")
    assert len(direct.json["rows"]) == 4

    assert run("--json", "--stage", "local") == direct
    assert calls.operations == ["GetApiKeys", "GetApiKeys", "Invoke"]


@pytest.mark.usefixtures("few")
def test_the_rows_of_a_key_come_in_order_by_ranges_too(
    calls: Calls, migrated_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.instead["GetApiKeys"] = {"items": []}
    for number in range(1, 61):
        received = BEGIN + timedelta(seconds=number // 9)
        add(migrated_url, 200 + number % 9, BEGIN, recebida_em=received, chave="gate")
    run = commands.runner(capsys, "keys", "rows", "gate", "--state", write_stack_on(tmp_path, migrated_url), "--json")

    found = run("--stage", "local")

    assert "by ranges of employees" in found.err
    assert found.json == run().json
