"""Reports through the function `read` on a real database; Lambda is replaced by calls of the handler."""

import json
from contextlib import closing
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ponto.read import packed_rows, query_function
from ponto.read.query_function import ErrorCode
from ponto.read.statements import Catalogue, Statement
from slices.reports.statements import TIME_CARDS
from slices.reports.tests.company import MONTH, NOVEMBER, NUMBERED_PUNCHES, Run, fill, runner, shared_database
from slices.reports.tests.company import database as database
from slices.reports.tests.company import url as url
from tests.aws import Calls, invoke_stub, refusal
from tests.functions import Functions, stub_functions
from tests.postgres.test_reader import CATALOGUE, create_event, query

AS_OF = ("--as-of", "2026-11-26T20:00")
REPORTS = {
    "time_cards": ("timecard", "--all", *MONTH),
    "totals": ("totals", *MONTH),
    "exceptions": ("exceptions", *NOVEMBER, "--no-queue"),
    "cutoffs": ("cutoffs", *MONTH, "--all"),
    "gaps": ("gaps", *MONTH),
    "changes": ("changes", *MONTH, "--since", "2026-11-26T20:00"),
}

QUICK = query_function.TIMEOUTS._replace(connect_seconds=2)

unchanged_database = shared_database(NUMBERED_PUNCHES)


def handle_with_small_limit(event: Any, parameters: Any, seconds: float, catalogue: Catalogue) -> Any:
    """Run statements as if a result with more than three employees were too large."""
    employee_ids = [
        values["employee_ids"] for values in event["read"].values() if "employee_ids" in values and "de" not in values
    ]
    is_too_large = any(ids is None or len(ids) > 3 for ids in employee_ids)
    max_bytes = 0 if is_too_large else query_function.MAX_RESULT_BYTES
    return query_function.handle(event, parameters, seconds, catalogue, max_bytes)


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(database, tmp_path, monkeypatch, capsys)


@pytest.fixture
def function(run: Run, database: str, monkeypatch: pytest.MonkeyPatch) -> Functions:
    """Replace the functions that `run` invokes."""
    del run
    return stub_functions(monkeypatch, database)


@pytest.fixture
def calls(function: Functions, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Record the calls that `run` makes."""
    del function
    return Calls(monkeypatch)


def november_values(employees: list[int] | None = None) -> dict[str, Any]:
    return {"mes": "2026-11-01", "employee_ids": employees, "momento": None}


@pytest.mark.parametrize("words", REPORTS.values(), ids=REPORTS.keys())
def test_report_is_read_in_at_most_two_requests(words: tuple[str, ...], run: Run, calls: Calls) -> None:
    assert run(*words).status == 0
    # At most one request for the time zone, which determines the date, and one for all rows, with one snapshot.
    assert calls.operations in (["Invoke"], ["Invoke"] * 2)


# Results above the size limit


@pytest.mark.parametrize(("name", "form"), [("time_cards", "csv"), ("time_cards", "html"), ("totals", "json")])
def test_oversized_report_is_read_in_ranges_and_has_a_note(name: str, form: str, run: Run, function: Functions) -> None:
    at_once = run(*REPORTS[name], "--format", form)
    function.handle = handle_with_small_limit

    result = run(*REPORTS[name], "--format", form)

    assert result.status == 0
    assert "they are read by ranges of employees, each on a separate snapshot" in result.err
    note = " Read in ranges of employees, at different instants."
    printed, expected = (" ".join(run_result.out.split()) for run_result in (result, at_once))
    assert (note in printed) == (form in ("text", "html"))
    assert printed.replace(note, "") == expected


def test_reading_stops_at_the_size_limit(url: str) -> None:
    fill(
        url, "insert into funcionario (usuario_id, nome) select 10000 + n, md5(n::text) from generate_series(1, 9999) n"
    )

    answer, stats = query(url, create_event(totals=november_values()), max_bytes=100_000)

    assert (answer["error"], stats.error) == (ErrorCode.TOO_LARGE, "too large")
    assert stats.rows < 9_000
    assert "rows" in query(url, create_event(totals=november_values()), max_bytes=400_000)[0]


# One read-only transaction


def test_all_statements_of_a_request_see_one_instant(url: str) -> None:
    class ChangingStatement(Statement[Any]):
        @property
        def sql(self) -> str:  # after the rows of totals
            fill(url, "update funcionario set nome = 'another'")
            return TIME_CARDS.sql

    catalogue = CATALOGUE.combine([])
    catalogue.statements["time_cards"] = ChangingStatement(*TIME_CARDS)
    answer, _ = query(url, create_event(totals=november_values(), time_cards=november_values()), catalogue)

    names = [{row[1] for row in packed_rows.unpack(packed)} for packed in answer["rows"].values()]
    assert names[0] == names[1] != {"another", None}


# Errors


def test_no_value_of_a_request_or_row_is_logged(function: Functions, run: Run, url: str) -> None:
    assert run("totals", *MONTH, "--employee", "101").status == 0
    # An invalid time zone, which PostgreSQL quotes in the error.
    fill(url, "alter table funcionario disable trigger all; update funcionario set fuso = 'secret/Zone'")

    failed = run("totals", *MONTH, "--employee", "101")

    assert failed.status == 2
    assert "secret/Zone" in failed.err  # the user may see it
    lines = [json.loads(line) for line in function.log.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["INFO", "INFO", "WARNING"]
    assert lines[-1]["error"] == "InvalidParameterValue 22023"
    assert lines[0].keys() == {
        *("level", "message", "requestId", "version"),
        *("statements", "rows", "bytes", "milliseconds"),
    }
    assert lines[0]["statements"] == ["punched", "totals"]
    assert 0 < lines[0]["milliseconds"] < 60_000
    logged = json.dumps([line | {"bytes": 0, "milliseconds": 0} for line in lines])  # they may contain any digits
    for value in ("secret", "101", "2026-11", "Maria"):
        assert value not in logged


def test_resuming_database_is_awaited_with_one_message(run: Run, function: Functions, calls: Calls) -> None:
    function.handle = partial(query_function.handle, timeouts=QUICK)
    host = function.environment["DB_HOST"]

    def invoke(*args: Any) -> Any:
        function.environment["DB_HOST"] = "/nowhere" if len(calls.history) <= 2 else host
        return function.invoke(*args)

    calls.stubs["Invoke"] = invoke

    result = run("totals", *MONTH)

    assert result.status == 0
    assert result.err.count("the database does not answer yet; a paused one takes 15 to 40 s to resume") == 1
    assert calls.operations == ["Invoke"] * 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (refusal("ResourceNotFoundException"), "no function batida-ponto-dev-read; deploy"),
        (refusal("TooManyRequestsException"), "try again later"),
        (invoke_stub({"errorMessage": "Task timed out"}, failed=True), "Task timed out"),
        (invoke_stub({"error": "database-login", "message": "no"}), "run ponto schema"),
        (invoke_stub({"error": "invalid request", "message": "no"}), "different versions"),
        (invoke_stub({"error": "failed", "message": "no", "sqlstate": "42P01"}), "lacks migrations; run"),
        (invoke_stub({"error": "failed", "message": "no", "sqlstate": "XX000"}), "batida-ponto-dev-read: no"),
    ],
)
def test_error_of_a_stage_says_what_to_do(answer: Any, message: str, run: Run, calls: Calls) -> None:
    calls.stubs["Invoke"] = answer

    result = run("totals", *MONTH, "--stage", "dev")

    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert set(calls.operations) == {"Invoke"}  # no other permission is needed


INSERT_PUNCH = """
insert into batida (id, usuario_id, ponto, recebida_em) values (gen_random_uuid(), 101, '2026-11-03 21:00Z', now())
"""


def open_writer(url: str, user: str, statement: str) -> psycopg2.extensions.connection:
    """Return a connection with a transaction that is open after a statement."""
    connection = psycopg2.connect(url, application_name="ponto drain", user=user)
    connection.cursor().execute(statement)
    return connection


def require_refusal_while_uncommitted(
    run: Run, function: Functions, url: str, statement: str, user: str = "postgres"
) -> None:
    """Assert that reports as of an earlier instant are refused while the transaction of a statement is open."""
    function.handle = partial(query_function.handle, writer_timeout_seconds=0.2)
    with closing(open_writer(url, user, statement)) as writer:
        for report in (("totals", *AS_OF), ("changes", "--since", AS_OF[1])):
            refused = run(*report, *MONTH)
            assert (refused.status, refused.out) == (2, "")
            assert f"pid {writer.info.backend_pid} (ponto drain, as {user}); a result" in refused.err
        assert run("totals", *MONTH).status == 0
        writer.rollback()  # close() would end the transaction only some time later
    assert run("totals", *AS_OF, *MONTH).status == 0


@pytest.mark.parametrize(
    ("user", "statement"),
    [
        ("ponto_drain", INSERT_PUNCH),
        ("postgres", "update funcionario set fuso = 'Asia/Tokyo' where usuario_id = 101"),
    ],
)
def test_report_of_an_earlier_instant_is_refused_while_a_row_is_uncommitted(
    user: str, statement: str, run: Run, function: Functions, database: str
) -> None:
    require_refusal_while_uncommitted(run, function, database, statement, user)


def test_earlier_instant_is_read_once_a_row_is_committed(url: str) -> None:
    polls: list[float] = []
    with (
        closing(psycopg2.connect(url)) as reading,
        closing(open_writer(url, "postgres", INSERT_PUNCH.replace("101", "777"))) as writer,
    ):

        def commit(seconds: float) -> None:
            polls.append(seconds)
            writer.commit()

        query_function.wait_for_writers(reading, CATALOGUE.tables_with_write_time, sleep=commit)

    assert len(polls) == 1
    day = date(2026, 11, 3)
    answer, _ = query(
        url, create_event(punched={"de": day, "ate": day, "employee_ids": [777], "momento": datetime.now(UTC)})
    )
    assert list(packed_rows.unpack(answer["rows"]["punched"])) == [(True,)]
