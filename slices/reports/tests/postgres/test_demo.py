"""`ponto demo` on a real PostgreSQL: its rows, and the databases that it refuses."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

from slices.reports.demo import command as demo
from slices.reports.demo.company import Company, DemoPunch
from slices.reports.demo.people import FIRST_EMPLOYEE_ID
from tests.clock import FakeClock
from tests.commands import CommandResult, runner, write_stack
from tests.database import Database, export
from tools.kit.collaborators import Collaborators
from tools.plan.costs import ROW_BYTES

Demo = Callable[..., CommandResult]
Execute = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def execute(database: Database) -> Execute:
    return database.execute


@pytest.fixture
def run(migrated_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Demo:
    """Run the command on the database of a local stack."""
    write_stack(tmp_path, database_url=migrated_url)

    return runner(capsys, "demo", "--state", tmp_path)


@pytest.fixture
def deployed(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[str, Demo]:
    """Return HOST/DBNAME of a deployed database, and a function that runs the command on it."""
    dsn = parse_dsn(migrated_url)
    export(dsn, monkeypatch)

    run = runner(capsys, "demo", "--database", "env", "--employees", 5, "--months", 1)
    return f"{dsn['host']}/{dsn['dbname']}", run


# Rows


def test_stored_rows_are_those_of_the_company_in_order_of_writing(run: Demo, execute: Execute) -> None:
    assert run("--employees", "30", "--months", "1", "--until", "2026-10", "--seed", "3").status == 0

    company = Company(3, 30)
    rows = [row for rows in company.rows(date(2026, 10, 1), date(2026, 10, 31)) for row in rows]
    assert execute(
        """select id::text, usuario_id, ponto at time zone 'UTC', deslocamento, dispositivo, offline,
            enviado at time zone 'UTC', latitude, longitude, precisao, sequencia, recebida_em at time zone 'UTC',
            gravada_em at time zone 'UTC', mensagem_id
        from batida order by gravada_em, ctid"""  # not by ctid alone: PostgreSQL may fill an earlier page
    ) == [expected(row) for row in rows]
    assert execute("select usuario_id, nome, cpf, fuso, to_char(corte, 'HH24:MI') from funcionario order by 1") == [
        tuple(employee) for employee in company.employees()
    ]


def expected(row: DemoPunch) -> tuple[object, ...]:
    """Return the columns of a row as PostgreSQL returns them, with instants in UTC."""
    values = asdict(row)
    for name in ("ponto", "enviado", "recebida_em", "gravada_em"):
        if values[name] is not None:
            values[name] = datetime(1970, 1, 1) + timedelta(microseconds=values[name])
    return tuple(values.values())[:14]


def test_reports_find_the_counted_irregularities(run: Demo, execute: Execute) -> None:
    first, last = "2018-10-01", "2018-11-30"  # summer time begins in São Paulo
    counts = run("--employees", "120", "--months", "2", "--until", "2018-11", "--json").json["counts"]

    counts_by_type: dict[str, int] = dict(
        execute("select tipo, count(*) from excecoes(%s, %s) group by tipo", first, last)
    )

    # Days of more than ten hours are overtime, which the command does not count.
    assert 0 < counts_by_type.pop("longa") < 0.02 * counts["workingDays"]
    expected = {
        "incompleta": counts["oddDays"],
        "incluida": counts["corrected"],
        "proxima": counts["doubleTaps"],
        "atrasada": counts["receivedADayLate"],
        "reaberta": counts["daysChangedAfterThree"],
        "relogio": counts["wrongClocks"],
        "futura": counts["inTheFuture"],
    }
    assert counts_by_type == {type_: count for type_, count in expected.items() if count}
    assert execute("select situacao, sum(quantas) from lacunas group by 1") == [("faltam", counts["lostByDevices"])]
    ((days,),) = execute("select count(*) from jornadas(%s, %s)", first, last)
    assert 0.999 * counts["workingDays"] < days <= counts["workingDays"]  # a day of one forgotten punch is missing


def test_row_size_matches_the_cost_estimate(run: Demo, execute: Execute) -> None:
    run("--employees", "100", "--months", "1", "--until", "2026-10")

    ((row_bytes,),) = execute("select pg_total_relation_size('batida') / count(*) from batida")

    assert row_bytes == pytest.approx(ROW_BYTES, rel=0.1)


def test_default_period_has_no_future_punches(run: Demo) -> None:
    clock = FakeClock(datetime(2026, 11, 10, 12, tzinfo=UTC))
    result = run("--employees", "5", "--months", "2", "--json", collaborators=Collaborators(clock)).json
    # On 10 November punches of October may still arrive.
    assert result["days"] == {"first": "2026-08-01", "last": "2026-09-30"}


def test_text_output_has_counts_and_next_commands(run: Demo) -> None:
    result = run("--employees", "20", "--months", "1", "--until", "2026-02")
    assert result.status == 0
    assert f"employees {FIRST_EMPLOYEE_ID} to {FIRST_EMPLOYEE_ID + 19}, 2026-02-01 to 2026-02-28, seed 1;" in result.out
    assert f"  ponto report timecard --employee {FIRST_EMPLOYEE_ID} --month 2026-02\n" in result.out
    assert "  ponto report exceptions --month 2026-02\n" in result.out
    assert "  ponto report gaps --month 2026-02 " in result.out
    assert len([line for line in result.out.splitlines() if line.startswith("  ")]) >= len(demo.COUNTS)


# Refused databases and options


def test_second_company_with_the_same_employee_ids_is_refused(run: Demo, execute: Execute) -> None:
    words = ("--employees", "5", "--months", "1", "--until", "2026-10")
    run(*words)
    before = execute("select count(*), max(gravada_em) from batida")

    result = run(*words, "--seed", "2")

    assert result.status == 2
    assert f"batida has punches of employees {FIRST_EMPLOYEE_ID} to {FIRST_EMPLOYEE_ID + 4} already" in result.err
    assert "make clean" in result.err
    assert execute("select count(*), max(gravada_em) from batida") == before


def test_an_employee_of_the_same_number_is_not_overwritten(run: Demo, execute: Execute) -> None:
    execute("insert into funcionario (usuario_id, nome) values (%s, 'Ana')", FIRST_EMPLOYEE_ID)
    result = run("--employees", "5", "--months", "1", "--until", "2026-10")
    assert result.status == 2
    assert "funcionario has employees" in result.err
    assert execute("select nome from funcionario") == [("Ana",)]


def test_local_database_may_have_other_punches(run: Demo, execute: Execute) -> None:
    execute("insert into batida (id, usuario_id, ponto) values (gen_random_uuid(), 123, now())")
    assert run("--employees", "5", "--months", "1", "--until", "2026-10").status == 0


def test_deployed_database_needs_confirmation(deployed: tuple[str, Demo], execute: Execute) -> None:
    name, run = deployed
    for words, message in (
        ((), f"--yes-into {name}"),
        (("--yes-into", "db.example.com/pontodb"), f"is not the database of DB_HOST and DB_NAME: {name}"),
    ):
        result = run(*words)
        assert result.status == 2
        assert message in result.err
    assert execute("select count(*) from batida") == [(0,)]
    assert run("--yes-into", name).status == 0


def test_confirmation_without_database_env_is_refused(run: Demo, execute: Execute) -> None:
    result = run("--yes-into", "db.example.com/pontodb")
    assert result.status == 2
    assert "--yes-into needs --database env" in result.err
    assert execute("select count(*) from batida") == [(0,)]


def test_deployed_database_with_punches_is_refused(deployed: tuple[str, Demo], execute: Execute) -> None:
    name, run = deployed
    execute("insert into batida (id, usuario_id, ponto) values (gen_random_uuid(), 123, now())")
    result = run("--yes-into", name)
    assert result.status == 2
    assert "batida has punches already" in result.err
    assert execute("select count(*) from batida") == [(1,)]


def test_interrupted_demo_stores_nothing(run: Demo, execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    all_rows = Company.rows

    def interrupted_rows(self: Company, first: date, last: date) -> Iterator[list[DemoPunch]]:
        for number, rows in enumerate(all_rows(self, first, last)):
            if number == 15:
                raise KeyboardInterrupt
            yield rows

    monkeypatch.setattr(Company, "rows", interrupted_rows)
    assert run("--employees", "50", "--months", "1", "--until", "2026-10").status == 130
    assert execute("select (select count(*) from batida), (select count(*) from funcionario)") == [(0, 0)]


def test_statement_timeout_is_reported(run: Demo, database: Database) -> None:
    with closing(database.connect()) as other:
        other.cursor().execute("lock table batida")
        result = run("--timeout", "1")
    assert result.status == 2
    assert "longer than 1 s" in result.err


@pytest.mark.parametrize(
    "words",
    [("--employees", "0"), ("--employees", "500001"), ("--months", "121"), ("--seed", "-1"), ("--until", "1999-12")],
)
def test_wrong_option_is_reported(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    result = runner(capsys, "demo")(*words)
    assert result.status == 2
    assert words[0] in result.err
