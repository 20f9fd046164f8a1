"""The reference alone, in a copy without any slice: it runs, stores punches, and loses none under load."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import EMPLOYEES
from tests.e2e.copies import Copy, running
from tests.waiting import wait_for
from tools.kit import jmeter
from tools.kit.packaging import copy_project


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    folder = Path(tempfile.mkdtemp(prefix="ponto-bare-"))
    try:
        with running(copy_project(folder / "project", with_requirements=True, with_slices=False)) as copy:
            yield copy
    finally:
        shutil.rmtree(folder)


def test_it_runs_its_own_code_and_has_no_slice(copy: Copy) -> None:
    asked = copy.run(
        "-c", "import tools; print(tools.__file__); from tools.kit import slices; print(slices.installed())"
    )
    file, installed = asked.out.splitlines()
    assert Path(file).is_relative_to(copy.project)
    assert installed == "()"


def test_a_punch_becomes_a_row(copy: Copy) -> None:
    employee = next(EMPLOYEES)
    answer = copy.client.post({"usuarioId": employee, "ponto": "2026-10-01T08:00:00-03:00"})
    assert answer.status == 202
    wait_for(lambda: copy.client.rows(employee), "the row")
    assert [row.key for row in copy.client.rows(employee)] == [answer.body["messageId"]]


def test_what_is_no_punch_is_a_dead_letter_that_the_command_lists(copy: Copy) -> None:
    copy.client.sqs.send_message(QueueUrl=copy.client.address.queue_url, MessageBody='{"usuarioId": 9}')
    wait_for(lambda: copy.client.depth(copy.client.address.dlq_url) == 1, "the dead letter")
    listed = copy.ponto("dlq", "list", "--json")
    assert listed.status == 0, listed.err
    assert [(each["reason"], each["detail"]) for each in listed.json["deadLetters"]] == [("invalid", "ponto: required")]


@pytest.mark.skipif(
    not jmeter.is_to_be_had(), reason="no java with jmeter or mvn is on the PATH (apt-get install maven)"
)
def test_a_load_is_proven_to_be_a_row_for_each_accepted_punch(copy: Copy) -> None:
    words = ("--threads", "20", "--loops", "50", "--open-rate", "0", "--no-report", "--json")
    done = copy.run("-m", "loadtest", "--state", str(copy.state), *words)
    assert done.status == 0, done.err
    summary = json.loads((copy.state / "loadtest" / "summary.json").read_text())
    counted = ("accepted", "stored", "missing", "stored_twice", "errors")
    assert [summary[name] for name in counted] == [1_000, 1_000, 0, 0, 0]
