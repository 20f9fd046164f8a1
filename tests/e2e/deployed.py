"""Fixtures of the complete system, deployed once for all end-to-end tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.commands import Run, runner
from tests.e2e.client import Client
from tests.e2e.snapshot import DRAIN, take_snapshot
from tools.local import emulator
from tools.local.stack import LoadParameters, Stack, run_local_stack


class Deployed(NamedTuple):
    stack: Stack
    state: Path
    snapshot: dict[str, object]  # state after the deploy


_running: list[Deployed] = []


@contextmanager
def deploy(load_parameters: LoadParameters = lambda _: {}) -> Iterator[Deployed]:
    """Deploy serverless.yml to a separate emulator; for the parameters, see `run_local_stack`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(emulator.environment()):
            patch.delenv(name)  # boto3 must not use the developer's AWS profile
        state = Path(tempfile.mkdtemp(prefix="ponto-e2e-"))
        try:
            with run_local_stack(state, emulator.find_free_port(), load_parameters=load_parameters) as stack:
                _running.append(Deployed(stack, state, take_snapshot(stack)))
                yield _running[-1]
                _running.pop()
        finally:
            shutil.rmtree(state)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """Deploy the system as `make run` does."""
    with deploy() as deployed:
        yield deployed


@pytest.fixture
def stack(deployed: Deployed) -> Stack:
    """Return the deployed system."""
    return deployed.stack


@pytest.fixture(scope="module", autouse=True)
def _require_unchanged_systems(request: pytest.FixtureRequest) -> Iterator[None]:
    """Assert that a module leaves the systems as they were deployed, so that modules may run in any order."""
    yield
    items = [item for item in request.session.items if item.path == request.path]
    if not any("deployed" in getattr(item, "fixturenames", ()) for item in items):
        return
    for deployed in _running:
        now = take_snapshot(deployed.stack)
        changed = [name for name, value in deployed.snapshot.items() if value != now[name]]
        assert not changed, [f"{name} was {deployed.snapshot[name]!r} and is {now[name]!r}" for name in changed]


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """Yield a client of the deployed system; empty the queues at the end."""
    client = Client(stack)
    yield client
    client.wait_until_drained()
    client.purge_dead_letters()


@pytest.fixture
def dlq(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `ponto dlq` on the stack."""
    command = runner(capsys, "dlq")
    return lambda *words: command(*words, "--state", deployed.state)


@pytest.fixture
def redelivery(client: Client, stack: Stack) -> Iterator[None]:
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
