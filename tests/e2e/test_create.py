"""docs/releasing.md, done: whoever makes a copy by `npx osls create`, under another name, has a system that runs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

import pytest

from tests import documents
from tests.commands import Result
from tests.e2e.client import EMPLOYEES, Client
from tests.waiting import DEADLINE, started, wait_for
from tools.kit import event, local_stack, osls
from tools.kit.project import ROOT
from tools.local import emulator
from tools.local.stack import Stack

pytestmark = pytest.mark.nightly

BLOCK = next(block for block in documents.blocks(ROOT / "docs" / "releasing.md") if "osls create" in block.text)


class Copy(NamedTuple):
    """A copy, as it runs."""

    project: Path
    state: Path
    client: Client

    def ponto(self, *words: str) -> Result:
        """Run a command of the copy's."""
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", *words],
            cwd=self.project,
            env=emulator.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@contextmanager
def running(project: Path) -> Iterator[Copy]:
    """Run a copy of the project, as `make run` does; its state is beside it."""
    state, log = project.parent / "state", project.parent / "log"
    command = [sys.executable, "-m", "tools.local", "--port", str(emulator.free_port()), "--state", str(state)]
    with (
        log.open("wb") as output,
        started(command, cwd=project, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_for(lambda: "accepted 0" in log.read_text() or process.poll() is not None, "the copy to run")
            assert process.poll() is None, log.read_text()
            address = local_stack.find(state)
            stack = cast("Stack", SimpleNamespace(address=address, client=address.client))
            yield Copy(project, state, Client(stack))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE)


def created(folder: Path) -> Path:
    """Do what the page says, up to `make run`; git finds this repository's last commit under the address."""
    words, *_ = documents.commands(BLOCK.text)
    _, url, _, name = words.removeprefix("npx osls create ").split(" ")
    script = BLOCK.text.replace("npx osls create", "osls create").partition("make run")[0]
    assert "git grep -lz" in script
    assert "xargs -0 perl" in script
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": url}
    given = os.environ | git | {"PATH": osls.search_path(os.environ)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=given, check=True)
    project = folder / name
    (project / "node_modules").symlink_to(ROOT / "node_modules")  # which `make run` would fetch
    return project


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    folder = Path(tempfile.mkdtemp(prefix="ponto-create-"))
    try:
        with running(created(folder)) as copy:
            yield copy
    finally:
        shutil.rmtree(folder)


def test_no_file_has_the_old_name_but_where_it_says_where_the_project_is_from(copy: Copy) -> None:
    searched = ["git", "grep", "-hoE", f"{osls.service()}[a-z-]*"]
    found = subprocess.run(searched, cwd=copy.project, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == {"batida-ponto-serverless"}


def test_its_stack_has_the_new_name_and_its_version(copy: Copy) -> None:
    (stack,) = copy.client.address.client("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackName"] == f"{copy.project.name}-local"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert copy.ponto("--version").out == f"ponto {outputs['Version']}\n"


def test_a_punch_is_a_row(copy: Copy) -> None:
    employee = next(EMPLOYEES)
    assert copy.client.post(event.body(employee, "2026-10-01T08:00:00-03:00")).status == 202
    wait_for(lambda: copy.client.rows(employee), "the row")


def test_its_command_lists_its_dead_letters(copy: Copy) -> None:
    copy.client.sqs.send_message(QueueUrl=copy.client.address.queue_url, MessageBody=json.dumps(event.REFUSED[0][0]))
    wait_for(lambda: copy.client.depth(copy.client.address.dlq_url) == 1, "the dead letter")
    listed = copy.ponto("dlq", "list", "--json", "--state", str(copy.state))
    assert listed.status == 0, listed.err
    assert [(each["reason"], each["detail"]) for each in listed.json["deadLetters"]] == [
        ("invalid", event.REFUSED[0][1])
    ]
