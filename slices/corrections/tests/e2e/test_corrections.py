"""Corrections through the deployed function, by the command."""

from collections.abc import Callable

import pytest

from slices.reports.tests.company import fill
from tests import commands
from tests.commands import CommandResult
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed

Run = Callable[..., CommandResult]


@pytest.fixture
def employee(deployed: Deployed) -> int:
    """Return the number of an employee who has a punch on 2025-05-05 at 08:00."""
    number = int(next(EMPLOYEES))
    punch = (
        "insert into ponto.batida (id, usuario_id, ponto) select gen_random_uuid(), unnest(%s), '2025-05-05 08:00-03'"
    )
    fill(deployed.stack.address.database_url, punch, [number])
    return number


@pytest.fixture
def correct(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Run:
    run = commands.runner(capsys, "correct")
    return lambda *words: run(*words, "--state", deployed.state)


def rows(client: Client, employee: int) -> list[tuple[object, ...]]:
    return client.query(
        "select id::text, tipo, autor from ponto.correcao where usuario_id = %s order by criada_em", employee
    )


def test_add_disregard_and_undo_write_one_correction_each(correct: Run, client: Client, employee: int) -> None:
    [(punch,)] = client.query("select id::text from ponto.batida where usuario_id = %s", employee)
    add = ("add", "--employee", employee, "--at", "2025-05-05T18:00", "--reason", "no tablet")

    result = correct(*add)
    assert result.status == 0, result.err
    assert result.out.startswith("added: c")
    assert result.out.endswith(f", of employee {employee}, 2025-05-05T18:00:00-03:00\n")
    assert correct(*add).out == result.out.replace("added: ", "added already: ")
    disregarded = correct("disregard", punch, "--reason", "punched twice", "--json").json["corrections"][0]["id"]
    assert correct("undo", disregarded, "--reason", "was right", "--json").status == 0

    assert [(kind, author) for _, kind, author in rows(client, employee)] == [
        ("inclusao", "local"),  # the local stack does not verify the author
        ("desconsideracao", "local"),
        ("anulacao", "local"),
    ]
    listed = correct("list", "--month", "2025-05", "--json").json
    assert len({each["kind"] for each in listed if each["employee"] == employee}) == 3
