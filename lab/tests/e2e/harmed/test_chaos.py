"""`make chaos` on the stack of the tests: its summary, and its undoing of all faults."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.deployed import DRAIN, Deployed
from tests.waiting import DEADLINE_SECONDS, background_process, wait_for
from tools.kit import event
from tools.kit.output import camel_case
from tools.kit.project import ROOT
from tools.local.faults import DatabaseFaults
from tools.local.stack import Stack

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "lab.chaos"]


@pytest.fixture(autouse=True)
def _redelivery(client: Client, stack: Stack) -> Iterator[None]:
    """Redeliver failed messages after at most 12 s, which is just longer than the function's timeout."""
    seconds = 12
    queue, functions = client.address.queue_url, stack.client("lambda")
    before = client.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    variables = functions.get_function_configuration(FunctionName=DRAIN)["Environment"]["Variables"]
    shorter = variables | {"RETRY_DELAYS": "5,10", "VISIBILITY_TIMEOUT": str(seconds)}
    client.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(seconds)})
    functions.update_function_configuration(FunctionName=DRAIN, Environment={"Variables": shorter})
    yield
    client.wait_until_drained()
    functions.update_function_configuration(FunctionName=DRAIN, Environment={"Variables": variables})
    client.sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


@pytest.fixture(autouse=True)
def _mend_faults(deployed: Deployed) -> Iterator[None]:
    yield
    DatabaseFaults(deployed.stack.database).undo_all()  # this also stores the process id, which a restart changes


def test_every_accepted_message_has_exactly_one_end_despite_all_faults(deployed: Deployed, client: Client) -> None:
    arguments = ["--state", str(deployed.state), "--punches", "1000", "--clients", "10", "--seed", "7"]

    run = subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr + run.stdout
    summary = json.loads((deployed.state / "chaos" / "summary.json").read_text())
    assert json.loads(run.stdout) == camel_case(summary)
    assert summary["seed"] == 7
    assert summary["accepted"] == 1000
    assert summary["lost"] == summary["stored_twice"] == summary["misplaced"] == summary["queued"] == 0
    assert summary["stored"] + summary["duplicates"] + sum(summary["dead_letters"].values()) == 1000
    assert set(summary["dead_letters"]) == {"conflict", "invalid", "malformed"}
    assert set(summary["faults"]) == {*DatabaseFaults(deployed.stack.database).kinds, "worker killed"}
    deployed.stack.require_running()
    assert client.depth(client.address.dlq_url) == 0


def test_faults_are_undone_if_the_terminal_closes_during_a_freeze(
    deployed: Deployed, client: Client, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    arguments = ["--state", str(deployed.state), "--punches", "500", "--clients", "2", "--seed", "7"]
    with (
        log.open("wb") as output,
        background_process([*COMMAND, *arguments], cwd=ROOT, stderr=output, stdout=subprocess.DEVNULL) as run,
    ):
        wait_for(lambda: run.poll() is not None or log.read_text().endswith("  frozen\n"), "the fault to have begun")

        run.send_signal(signal.SIGHUP)

        assert run.wait(DEADLINE_SECONDS) == 130
    client.post(event.body(999_999, "2026-10-01T08:00:00Z"))
    client.wait_until_drained()
    assert len(client.rows(999_999)) == 1
