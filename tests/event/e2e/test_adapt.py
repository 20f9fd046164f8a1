"""docs/adapt.md, done: a fork takes orders in the place of punches, without any slice, and loses none under load.

The page's commands (rm -r, echo, cp -R, git grep and xargs perl) are run by `lab.fork`; `make fork` tests the fork.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import fork
from tests import documents
from tests.commands import needs_jmeter
from tests.e2e.client import Client
from tests.e2e.copies import Copy, running
from tests.waiting import wait_for
from tools.kit.project import ROOT

EXAMPLE = ROOT / "examples" / "orders" / "files"
# What `make deploy` does once the stage is there and migrated.
PROOF = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tools.deploy import proof
from tools.kit import local_stack, osls
address = local_stack.find(Path(sys.argv[1]))
key = osls.outputs_of(address.client("cloudformation"), "local")["ApiKeyId"]
place = SimpleNamespace(gateway=lambda: address.client("apigateway"))
sent = proof.punch_once(place, address.api_url, key, needs_token=False)
print(proof.await_row(address.client("lambda"), "local", *sent, 120).id)
"""
ORDER = {"pedido": "A-17", "loja": 5, "criado": "2026-11-24T08:00:00-03:00", "totalCentavos": 1250}


def rows(copy: Copy, shop: int) -> list[tuple[Any, ...]]:
    return copy.client.query("select id::text, total_centavos from ponto.pedido where loja = %s", shop)


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    """Make the fork, and run it as `make run` does."""
    folder = Path(tempfile.mkdtemp(prefix="ponto-adapt-"))
    try:
        project = fork.copy_project(folder / "project")
        fork.make(project)
        with running(project) as copy:
            yield copy
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def client(copy: Copy) -> Iterator[Client]:
    yield copy.client
    copy.client.wait_until_drained()
    copy.client.purge_dead_letters()


def test_the_example_has_the_files_that_the_page_names_and_each_replaces_one() -> None:
    table = fork.PAGE.read_text(encoding="utf-8").partition("| file | what it says |")[2].partition("\n\n")[0]
    named = set()
    for names in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([\w/.]+)`", names)
        named |= {first, *(str(Path(first).with_name(other)) for other in others)}

    there = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file()}

    assert there == named
    assert [name for name in there if not (ROOT / name).exists()] == []


def test_the_page_shows_the_order_that_is_posted() -> None:
    assert json.dumps(ORDER) in fork.PAGE.read_text(encoding="utf-8").replace("\n", " ")
    (shown,) = [block.text for block in documents.blocks(EXAMPLE.parent / "README.md") if block.language == "json"]
    assert json.loads(shown) == ORDER


def test_it_runs_its_own_code_and_has_no_slice(copy: Copy) -> None:
    asked = copy.run(
        "-c", "import tools; print(tools.__file__); from tools.kit import slices; print(slices.installed())"
    )
    file, installed = asked.out.splitlines()
    assert Path(file).is_relative_to(copy.project)
    assert installed == "()"


def test_the_same_order_twice_is_one_row_and_another_total_a_dead_letter(copy: Copy, client: Client) -> None:
    answers = [client.post(ORDER | body) for body in ({}, {"criado": "2026-11-24T11:00:00Z"})]

    assert [answer.status for answer in answers] == [202, 202]
    wait_for(lambda: rows(copy, 5), "the row")
    client.wait_until_drained()
    ((identifier, total),) = rows(copy, 5)
    assert total == 1250
    client.post(ORDER | {"totalCentavos": 9})
    (dead_letter,) = client.dead_letters(1)
    found = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert found["reason"] == "conflict"
    assert found["detail"] == f"id {identifier} belongs to a punch with another total_centavos"
    assert len(rows(copy, 5)) == 1


def test_the_gateway_refuses_what_is_no_order(client: Client) -> None:
    refused = [client.post(body) for body in (ORDER | {"totalCentavos": -1}, {"loja": 8}, ORDER | {"usuarioId": 8})]

    assert [answer.status for answer in refused] == [400, 400, 400]
    assert [answer.body["message"].removeprefix("there is an error in your request: ") for answer in refused] == [
        "totalCentavos: must be an integer from 0 to 1000000000000",
        "pedido: required",
        "unknown field 'usuarioId'",
    ]


def test_what_is_no_order_is_dead_lettered_with_its_reason_listed_and_redriven(copy: Copy, client: Client) -> None:
    client.sqs.send_message(QueueUrl=client.address.queue_url, MessageBody='{"pedido": "B-1", "loja": 9}')
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")
    listed = copy.ponto("dlq", "list", "--json")
    assert [each["detail"] for each in listed.json["deadLetters"]] == ["criado: required"]

    redriven = copy.ponto("dlq", "redrive", "--all")

    assert redriven.out.startswith("1 redriven, 0 failed\n"), redriven.err
    (dead_letter,) = client.dead_letters(1)
    found = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert (found["reason"], found["detail"]) == ("invalid", "criado: required")


def test_a_deploy_is_proven_with_an_order(copy: Copy, client: Client) -> None:
    printed = copy.run("-c", PROOF, str(copy.state)).out

    assert client.query("select pedido from ponto.pedido where id = %s", printed.strip()) == [("A-17",)]


@needs_jmeter()
def test_a_load_is_proven_to_be_a_row_for_each_accepted_order(copy: Copy) -> None:
    words = ("--threads", "20", "--loops", "50", "--open-rate", "0", "--no-report", "--json")
    done = copy.run("-m", "loadtest", "--state", str(copy.state), *words)
    assert done.status == 0, done.err
    summary = json.loads((copy.state / "loadtest" / "summary.json").read_text())
    counted = ("accepted", "stored", "missing", "stored_twice", "errors")
    assert [summary[name] for name in counted] == [1_000, 1_000, 0, 0, 0]
