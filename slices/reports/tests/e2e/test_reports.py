"""Reports by the deployed function `read`, compared with a connection to the database."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slices.reports.report import period
from slices.reports.tests.company import NOW, fill
from tests import commands
from tests.commands import CommandResult
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tools.local.stack import Stack

FUNCTION = "batida-ponto-local-read"
MONTH = ("--month", "2025-03")
NAMES = (
    "insert into ponto.funcionario (usuario_id, nome, cpf)"
    " select n, 'Employee ' || n, '12345678909' from unnest(%s) as n"
)
PUNCHES = """
insert into ponto.batida (id, usuario_id, ponto, dispositivo, recebida_em)
select gen_random_uuid(), employee, at, 'gate-e2e', at + late
from unnest(%s) as employee,
    generate_series('2025-03-03 11:00Z'::timestamptz, '2025-03-28 11:00Z', '25 hours') as day,
    (values (interval '0', interval '1 second'), ('4 hours', '2 days'), ('9 hours', '-1 hour')) as punch (after, late),
    lateral (values (day + after)) as time (at)
"""

Run = Callable[..., CommandResult]


@pytest.fixture(scope="module")
def employees() -> list[int]:
    return [next(EMPLOYEES) for _ in range(3)]


@pytest.fixture(scope="module")
def punched(deployed: Deployed, employees: list[int]) -> None:
    """Store punches in a month that no other test uses, some from devices with wrong clocks."""
    url = deployed.stack.address.database_url
    fill(url, NAMES, employees)
    fill(url, PUNCHES, employees)


@pytest.fixture
def ponto(
    punched: None, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    del punched
    monkeypatch.setattr(period, "now", NOW.astimezone)
    run = commands.runner(capsys)
    return lambda *words: run(*words, "--state", deployed.state)


def test_report_by_function_equals_report_by_connection(ponto: Run) -> None:
    words = ("timecard", "--all", *MONTH, "--format", "json")  # test_report_function.py compares the other reports
    direct = ponto("report", *words)
    assert direct.status == 0, direct.err

    assert ponto("report", *words, "--stage", "local") == direct


def test_employees_are_loaded_by_the_function_schema(ponto: Run, client: Client, tmp_path: Path) -> None:
    file, number = tmp_path / "staff.csv", next(EMPLOYEES)
    file.write_text(f"usuario_id;nome;cpf;fuso;corte\n{number};Ana Exemplo;12345678909;America/Rio_Branco;12:00\n")

    assert ponto("load", "employees", file, "--stage", "local", "--dry-run", "--json").json["inserted"] == 1
    assert ponto("load", "employees", file, "--stage", "local", "--json").json["inserted"] == 1
    assert ponto("load", "employees", file, "--json").json["unchanged"] == 1

    columns = "select nome, cpf, fuso, corte::text from ponto.funcionario where usuario_id = %s"
    assert client.query(columns, number) == [("Ana Exemplo", "12345678909", "America/Rio_Branco", "12:00:00")]


def test_function_connects_as_ponto_reader_and_disconnects(client: Client, stack: Stack) -> None:
    functions = stack.client("lambda")
    assert functions.get_function_concurrency(FunctionName=FUNCTION)["ReservedConcurrentExecutions"] == 2
    event = {"read": {"zone": {}}, "timeout": 0}
    answer = functions.invoke(FunctionName=FUNCTION, Payload=json.dumps(event))
    assert json.load(answer["Payload"]).keys() == {"rows"}
    variables = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    assert variables["DB_USER"] == "ponto_reader"
    assert client.query("select from pg_stat_activity where application_name = 'ponto read'") == []
