"""docs/adapt.md, done: a copy of the project takes readings of meters (reading.patch) in the place of punches."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from ponto.admin.repeatable import checksum
from tests import documents
from tests.commands import Result, needs
from tests.e2e.client import Client
from tests.waiting import DEADLINE, started, wait_for
from tools.kit import local_stack
from tools.kit.packaging import copy_project
from tools.kit.project import ROOT
from tools.local import emulator
from tools.local.stack import Stack

pytestmark = needs("git")

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


class Copy(NamedTuple):
    """The changed copy of the project, as it runs."""

    project: Path
    state: Path
    client: Client
    changed: dict[str, set[str]]  # files, by what the page says is done with them

    def run(self, *words: str) -> Result:
        """Run the copy's Python."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.project,
            env=emulator.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ponto(self, *words: str) -> Result:
        """Run a command of the copy's, on the copy that runs."""
        return self.run("-m", "tools.cli", *words, "--state", str(self.state))

    def rows(self, meter: int) -> list[tuple[Any, ...]]:
        return self.client.query("select id::text, instante, valor from leitura where medidor = %s", meter)


def table() -> dict[str, set[str]]:
    """Give the files of the page's table, by what is done with them."""
    files: dict[str, set[str]] = {}
    for first, action in re.findall(r"^\| (`.*?) \| .* \| (\w+).*\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        files.setdefault(action, set()).update(re.findall("`(.+?)`", first))
    return files


def files_of(project: Path) -> dict[str, str]:
    """Give the checksums of a project's files."""
    return {
        str(path.relative_to(project)): checksum(path.read_bytes())
        for path in project.rglob("*")
        if path.is_file() and not {"node_modules", "__pycache__"} & set(path.relative_to(project).parts)
    }


def steps() -> list[str]:
    """Give the page's commands: `git apply`, `rm -r`, what `make docs` runs, and what `make run` runs."""
    shell = [block.text for block in documents.blocks(PAGE) if (block.language, block.mark) == ("sh", "")]
    return [documents.resolved(command) for text in shell for command in documents.commands(text)]


def adapt(project: Path) -> dict[str, set[str]]:
    """Do what the page says, up to `make run`; give the files that it changed, in the words of its table."""
    *by_hand, written, runs = steps()
    assert (written, runs) == ("python -m tools.develop.docs", "python -m tools.local")
    before = files_of(project)
    for command in by_hand:
        # Where a repository is around the copy, git would look for the files at its root.
        environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(project.parent)}
        subprocess.run(shlex.split(command), cwd=project, env=environment, check=True)
    changed = files_of(project)
    subprocess.run([sys.executable, *shlex.split(written)[1:]], cwd=project, check=True)
    after = files_of(project)
    views = "ponto/schema/views/"
    return {
        "change": {name for name in before.keys() & changed if before[name] != changed[name]},
        "add": {name.removeprefix("ponto/schema/") for name in changed.keys() - before},
        "delete": {views if name.startswith(views) else name for name in before.keys() - changed},
        "written": {name for name in changed.keys() | after if changed.get(name) != after.get(name)},
    }


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    """Adapt a copy, and run it as `make run` does."""
    folder = Path(tempfile.mkdtemp(prefix="ponto-adapt-"))
    try:
        project, state, log = copy_project(folder / "project", with_requirements=True), folder / "state", folder / "log"
        changed = adapt(project)
        words = ["--port", str(emulator.free_port()), "--state", str(state)]
        with (
            log.open("wb") as output,
            started(
                [sys.executable, "-m", "tools.local", *words], cwd=project, stdout=output, stderr=subprocess.STDOUT
            ) as process,
        ):
            try:
                wait_for(lambda: "accepted 0" in log.read_text() or process.poll() is not None, "the copy to run")
                assert process.poll() is None, log.read_text()
                address = local_stack.find(state)
                stack = cast("Stack", SimpleNamespace(address=address, client=address.client))
                yield Copy(project, state, Client(stack), changed)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(DEADLINE)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def client(copy: Copy) -> Iterator[Client]:
    yield copy.client
    copy.client.wait_until_drained()
    copy.client.purge_dead_letters()


def test_nothing_is_changed_but_what_the_table_names(copy: Copy) -> None:
    assert {action: files for action, files in table().items() if action != "leave"} == copy.changed
    assert all((ROOT / name).exists() for name in table()["leave"])


def test_the_same_reading_twice_is_one_row_and_another_value_a_dead_letter(copy: Copy, client: Client) -> None:
    answers = [client.post(READING | body) for body in ({}, {"instante": "2026-10-01T11:00:00Z"})]

    assert [answer.status for answer in answers] == [202, 202]
    wait_for(lambda: copy.rows(7), "the row")
    client.wait_until_drained()
    ((identifier, _, value),) = copy.rows(7)
    assert value == 1234.5
    client.post(READING | {"valor": 9})
    (dead_letter,) = client.dead_letters(1)
    found = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert found["reason"] == "conflict"
    assert found["detail"] == f"id {identifier} belongs to a punch with another valor"
    assert len(copy.rows(7)) == 1


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


def test_a_reading_has_a_receipt(copy: Copy, client: Client) -> None:
    identifier = str(uuid.uuid4())
    client.post(READING | {"id": identifier, "medidor": 10})
    wait_for(lambda: copy.rows(10), "the row")

    receipt = client.get(identifier)

    assert receipt.status == 200
    told = {"id": identifier, "medidor": 10, "instante": "2026-10-01T11:00:00Z", "valor": 1234.5}
    assert {name: receipt.body[name] for name in told} == told


def test_a_file_of_readings_is_imported(copy: Copy, client: Client) -> None:
    file = copy.state / "readings.csv"
    file.write_text("medidor;instante;valor\n11;2026-10-01T08:00;1\n11;2026-10-01T09:00;x\n", encoding="utf-8")

    done = copy.ponto("import", str(file))

    assert "valor: must be a number" in file.with_name(f"{file.name}.refused.ndjson").read_text(), done
    client.wait_until_drained()
    assert [value for _, _, value in copy.rows(11)] == [1]


def test_a_deploy_is_proven_with_a_reading(copy: Copy, client: Client) -> None:
    printed = copy.run("-c", PROOF, str(copy.state)).out

    assert client.query("select valor from leitura where id = %s", printed.strip()) == [(0,)]
