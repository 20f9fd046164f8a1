"""`ponto load employees` on a real PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ponto.schema.migrations import locked_connection
from slices.reports import employees
from tests.commands import CommandResult, write_stack_with_database
from tests.database import Database
from tests.functions import Functions, stub_functions
from tests.waiting import wait_for
from tools.cli import main

HEADER = "usuario_id;nome;cpf;fuso;corte\n"
FILE = f"{HEADER}1;Ana Exemplo;12345678909;America/Rio_Branco;12:00\n2;José Exemplo;;;\n3;Caio Exemplo;;;\n"
ROWS = [
    (1, "Ana Exemplo", "12345678909", "America/Rio_Branco", "12:00:00"),
    (2, "José Exemplo", None, None, None),
    (3, "Caio Exemplo", None, None, None),
]

WAITING = """
    select count(*)
    from pg_locks join pg_database on pg_database.oid = database
    where not granted and locktype = 'advisory' and datname = current_database()
"""

Load = Callable[..., CommandResult]


@pytest.fixture
def functions(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Functions:
    """Replace invocations of functions by calls of the handler."""
    return stub_functions(monkeypatch, migrated_url, "postgres")


@pytest.fixture
def load(
    migrated_url: str,
    functions: Functions,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Load:
    """Run the command on a file with this text."""
    del functions
    write_stack_with_database(tmp_path, migrated_url)

    def load(text: str, *words: str) -> CommandResult:
        file = tmp_path / "employees.csv"
        file.write_text(text, encoding="utf-8")
        status = main(["load", "employees", str(file), "--state", str(tmp_path), *words])
        return CommandResult(status, *capsys.readouterr())

    return load


def stored(database: Database) -> list[tuple[Any, ...]]:
    return database.execute("select usuario_id, nome, cpf, fuso, corte::text from funcionario order by usuario_id")


def test_file_is_stored_and_loading_it_again_writes_nothing(load: Load, database: Database) -> None:
    result = load(FILE)
    assert result.status == 0
    assert result.out == "inserted 3, changed 0; unchanged 0; not in the file and unchanged 0\n"
    assert stored(database) == ROWS

    before = database.execute("select xmin, ctid, * from funcionario order by usuario_id")
    second_result = load(FILE, "--json")
    assert second_result.json == {"inserted": 0, "changed": 0, "unchanged": 3, "others": 0, "dryRun": False}
    assert database.execute("select xmin, ctid, * from funcionario order by usuario_id") == before


def test_load_waits_until_a_run_of_schema_ends(database: Database) -> None:
    with ThreadPoolExecutor() as threads:
        with locked_connection(database.owner):
            loaded = threads.submit(employees.load, database.owner, [], dry_run=False)
            wait_for(lambda: database.execute(WAITING) == [(1,)], "the load to wait for its turn")
        assert loaded.result()["counts"]["unchanged"] == 0


def test_changed_employees_are_updated_and_missing_ones_stay(load: Load, database: Database) -> None:
    load(FILE)
    text = f"{HEADER}1;Ana Exemplo;;;\n2;José Exemplo;;;\n4;Davi Exemplo;;;\n"
    planned = load(text, "--dry-run")
    assert planned.out == "would be inserted 1, changed 1; unchanged 1; not in the file and unchanged 1\n"
    assert stored(database) == ROWS

    result = load(text, "--json")

    assert result.json == {"inserted": 1, "changed": 1, "unchanged": 1, "others": 1, "dryRun": False}
    assert stored(database) == [
        (1, "Ana Exemplo", None, None, None), ROWS[1], ROWS[2], (4, "Davi Exemplo", None, None, None),
    ]  # fmt: skip


def test_file_with_faults_stores_nothing_and_lists_them(load: Load, database: Database) -> None:
    text = f"{HEADER}1;Ana;;;\n2;;;America/Nowhere;\n"
    zone = "'America/Nowhere' is not a time zone like America/Sao_Paulo"

    result = load(text)
    assert (result.status, result.out) == (2, "")
    *faults, last = result.err.splitlines()
    assert faults == ["line 3, nome: is empty", f"line 3, fuso: {zone}"]
    assert "2 faults; nothing was stored" in last

    result = load(text, "--json")
    assert result.status == 2
    assert result.json == {
        "faults": [
            {"line": 3, "column": "nome", "what": "is empty"},
            {"line": 3, "column": "fuso", "what": zone},
        ],
        "total": 2,
    }
    assert stored(database) == []


def test_only_zones_of_postgresql_are_accepted(load: Load, database: Database) -> None:
    zones = [zone for (zone,) in database.execute("select name from pg_timezone_names order by name")]
    assert load(HEADER + "".join(f"{number};X;;{zone};\n" for number, zone in enumerate(zones, 1))).status == 0
    for zone in ("america/sao_paulo", "UTC+3", "BRT", "-03"):  # all are accepted by AT TIME ZONE
        assert load(f"{HEADER}1;X;;{zone};\n").status == 2


def test_constraint_violation_is_returned_and_not_logged(
    functions: Functions, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function gets rows that the command would refuse."""
    wrong = {"usuario_id": 1, "nome": "Ana Secreta", "cpf": "123", "fuso": "Secret/Zone", "corte": None}
    answer = functions.call("schema", {"action": "load_employees", "employees": [wrong], "dryRun": False})
    assert "violates check constraint" in answer["refused"]
    answer = functions.call(
        "schema", {"action": "load_employees", "employees": [wrong | {"cpf": None}], "dryRun": False}
    )
    assert 'funcionario 1: fuso "Secret/Zone" is not a time zone' in answer["refused"]
    assert (functions.log.getvalue(), *capsys.readouterr()) == ("", "", "")
    assert stored(database) == []
