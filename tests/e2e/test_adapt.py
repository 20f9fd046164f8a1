"""docs/adapt.md, done: a copy of the project takes readings of meters in the place of punches."""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import documents
from tests.e2e.client import Client
from tests.e2e.copies import Copy, running
from tests.waiting import wait_for
from tools.kit.packaging import copy_project
from tools.kit.project import ROOT

PAGE = ROOT / "docs" / "adapt.md"
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
READING = {"medidor": 7, "instante": "2026-10-01T08:00:00-03:00", "valor": 1234.5}


def rows(copy: Copy, meter: int) -> list[tuple[Any, ...]]:
    return copy.client.query("select id::text, instante, valor from leitura where medidor = %s", meter)


def adapt(project: Path) -> None:
    """Do what the page says, up to `make run`: its `rm -r`, each file that it shows below its name, `make docs`."""
    text = PAGE.read_text(encoding="utf-8")
    shell = [block.text for block in documents.blocks(PAGE) if (block.language, block.mark) == ("sh", "")]
    removed, last = shell
    written, runs = map(documents.resolved, documents.commands(last))
    assert (written, runs) == ("python -m tools.develop.docs", "python -m tools.local")
    subprocess.run(["sh", "-c", removed], cwd=project, check=True)
    shown = re.findall(r"`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(shown) == 6
    for name, content in shown:
        file = project / name if "/" in name else project / "ponto" / "schema" / name
        file.write_text(content, encoding="utf-8")
    subprocess.run([sys.executable, *shlex.split(written)[1:]], cwd=project, check=True)


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    """Adapt a copy, and run it as `make run` does."""
    folder = Path(tempfile.mkdtemp(prefix="ponto-adapt-"))
    try:
        project = copy_project(folder / "project", with_requirements=True)
        adapt(project)
        with running(project) as copy:
            yield copy
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def client(copy: Copy) -> Iterator[Client]:
    yield copy.client
    copy.client.wait_until_drained()
    copy.client.purge_dead_letters()


def test_the_same_reading_twice_is_one_row_and_another_value_a_dead_letter(copy: Copy, client: Client) -> None:
    answers = [client.post(READING | body) for body in ({}, {"instante": "2026-10-01T11:00:00Z"})]

    assert [answer.status for answer in answers] == [202, 202]
    wait_for(lambda: rows(copy, 7), "the row")
    client.wait_until_drained()
    ((identifier, _, value),) = rows(copy, 7)
    assert value == 1234.5
    client.post(READING | {"valor": 9})
    (dead_letter,) = client.dead_letters(1)
    found = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert found["reason"] == "conflict"
    assert found["detail"] == f"id {identifier} belongs to a punch with another valor"
    assert len(rows(copy, 7)) == 1


def test_the_gateway_refuses_what_is_no_reading(client: Client) -> None:
    refused = [client.post(body) for body in (READING | {"valor": -1}, {"medidor": 8}, READING | {"usuarioId": 8})]

    assert [answer.status for answer in refused] == [400, 400, 400]
    assert [answer.body["message"].removeprefix("there is an error in your request: ") for answer in refused] == [
        "valor: must be a number from 0 to 1000000000",
        "instante: required",
        "unknown field 'usuarioId'",
    ]


def test_what_is_no_reading_is_dead_lettered_with_its_reason_and_redriven(copy: Copy, client: Client) -> None:
    client.sqs.send_message(QueueUrl=client.address.queue_url, MessageBody='{"medidor": 9, "valor": 1}')
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")

    redriven = copy.ponto("dlq", "redrive", "--all")

    assert redriven.out.startswith("1 redriven, 0 failed\n"), redriven.err
    (dead_letter,) = client.dead_letters(1)
    found = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert (found["reason"], found["detail"]) == ("invalid", "instante: required")


def test_a_deploy_is_proven_with_a_reading(copy: Copy, client: Client) -> None:
    printed = copy.run("-c", PROOF, str(copy.state)).out

    assert client.query("select valor from leitura where id = %s", printed.strip()) == [(0,)]
