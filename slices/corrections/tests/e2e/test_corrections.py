"""Corrections by the deployed function: signed requests, the command, and whom the guard lets in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slices.corrections import proof
from slices.reports.tests.company import fill
from tests import commands
from tests.commands import Result
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tools.kit import local_stack

Run = Callable[..., Result]


@pytest.fixture
def employee(deployed: Deployed) -> int:
    """Give somebody who has a punch on 2025-05-05 at 08:00."""
    number = next(EMPLOYEES)
    punch = (
        "insert into ponto.batida (id, usuario_id, ponto) select gen_random_uuid(), unnest(%s), '2025-05-05 08:00-03'"
    )
    fill(deployed.stack.address.database_url, punch, [number])
    return number


@pytest.fixture
def correct(request: pytest.FixtureRequest, deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Run:
    run = commands.runner(capsys, "correct")
    return lambda *words: run(*words, "--state", deployed.state, *getattr(request, "param", ()))


def rows(client: Client, employee: int) -> list[tuple[object, ...]]:
    return client.query(
        "select id::text, tipo, autor from ponto.correcao where usuario_id = %s order by criada_em", employee
    )


@pytest.mark.parametrize("correct", [(), ("--stage", "local")], ids=["", "--stage local"], indirect=True)
def test_a_punch_is_added_once_disregarded_and_given_back(correct: Run, client: Client, employee: int) -> None:
    [(punch,)] = client.query("select id::text from ponto.batida where usuario_id = %s", employee)
    add = ("add", "--employee", employee, "--at", "2025-05-05T18:00", "--reason", "no tablet")

    done = correct(*add)
    assert done.status == 0, done.err
    assert done.out.startswith("added: c")
    assert done.out.endswith(f", of employee {employee}, 2025-05-05T18:00:00-03:00\n")
    assert correct(*add).out == done.out.replace("added: ", "added before, and nothing now: ")
    left_out = correct("disregard", punch, "--reason", "punched twice", "--json").json["corrections"][0]["id"]
    assert correct("undo", left_out, "--reason", "was right", "--json").status == 0

    assert [(kind, author) for _, kind, author in rows(client, employee)] == [
        ("inclusao", "local"),  # nobody vouches for whoever it is here
        ("desconsideracao", "local"),
        ("anulacao", "local"),
    ]
    again = correct("disregard", punch, "--reason", "punched twice", "--json").json["corrections"][0]["id"]
    assert again != left_out
    assert correct("undo", again, "--reason", "was right").status == 0
    listed = correct("list", "--month", "2025-05", "--json").json
    assert {each["kind"] for each in listed if each["employee"] == employee} == {
        "inclusao",
        "desconsideracao",
        "anulacao",
    }


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--at", "2025-05-05T18:00", "--employee", 987_654_321), "employee 987654321 is not known"),
        (("--at", "2025-05-05T18:00", "--reason", "no"), "--reason: must be 3 to 200 printable characters"),
    ],
)
def test_a_refusal_says_why_and_writes_nothing(
    correct: Run, client: Client, employee: int, words: tuple[object, ...], why: str
) -> None:
    refused = correct("add", "--employee", employee, "--reason", "no tablet", *words)
    assert (refused.status, refused.out) == (1, "")
    assert why in refused.err
    assert refused.err.endswith("; nothing was written\n")
    assert rows(client, employee) == []


def test_of_a_file_all_or_nothing_is_written(correct: Run, client: Client, employee: int, tmp_path: Path) -> None:
    file = tmp_path / "corrections.csv"
    good = f"inclusao;{employee};2025-05-06T08:00;;no tablet\ninclusao;{employee};2025-05-06T18:00;;no tablet\n"
    header = "tipo;usuario_id;ponto;alvo;motivo\n"
    file.write_text(f"{header}{good}\ninclusao;987654321;2025-05-06T08:00;;no tablet\n", encoding="utf-8")

    refused = correct("apply", "--file", file)
    assert (refused.status, rows(client, employee)) == (1, [])
    assert refused.err.startswith("line 5: employee 987654321 is not known")

    file.write_text(header + good, encoding="utf-8")
    assert correct("apply", "--file", file).status == 0
    assert correct("apply", "--file", file).out.count("added before, and nothing now: ") == 2
    assert len(rows(client, employee)) == 2


def test_the_proof_of_a_deploy_reaches_the_table_and_writes_nothing(deployed: Deployed, client: Client) -> None:
    stack = local_stack.find(deployed.state)
    assert proof.prove(stack.session(), "local", stack.api_url) == "corrections reach their table, which refused one"
    assert client.query("select * from ponto.correcao where motivo = 'proof of a deploy'") == []


@pytest.mark.parametrize("headers", [{}, {"authorization": "AWS4-HMAC-SHA256 Credential=test/20250505/x"}])
def test_whoever_is_not_the_stacks_user_writes_no_correction(
    client: Client, employee: int, headers: dict[str, str]
) -> None:
    url = client.address.api_url
    client.address = client.address._replace(api_url=url.removesuffix("/ponto"))
    body = {"correcoes": [{"tipo": "inclusao", "usuarioId": employee, "ponto": "2025-05-05T18:00", "motivo": "mine"}]}
    for path in ("/correcao", "/correcao/", "//correcao", "/%63orrecao"):
        assert client.post(body, below=path, **headers).status in (403, 404), path
    assert rows(client, employee) == []
