"""The whole system, deployed once for all end-to-end tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.client import Client
from tests.e2e.snapshot import FUNCTION, Keeper
from tools.local import emulator
from tools.local.stack import Parameters, Stack, running


class Deployed(NamedTuple):
    stack: Stack
    state: Path
    keeper: Keeper


@contextmanager
def deploy(parameters: Parameters = lambda _: {}) -> Iterator[Deployed]:
    """Deploy serverless.yml to an emulator of its own; see `running` for the parameters."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(emulator.environment()):
            patch.delenv(name)  # boto3 must not find somebody's AWS profile
        state = Path(tempfile.mkdtemp(prefix="ponto-e2e-"))
        try:
            with running(state, emulator.free_port(), parameters=parameters) as stack:
                yield Deployed(stack, state, Keeper(stack, state))
        finally:
            shutil.rmtree(state)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """Give the system as `make run` deploys it."""
    with deploy() as deployed:
        yield deployed


@pytest.fixture
def stack(deployed: Deployed) -> Stack:
    """The deployed system."""
    return deployed.stack


_set_up: list[str] = []
"""Fixtures of many tests, since the last test: what they change is none of its doing."""


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """Note it."""
    if fixturedef.scope != "function":
        _set_up.append(fixturedef.argname)


@pytest.fixture(scope="module", autouse=True)
def _left_by_the_module() -> Iterator[list[Keeper]]:
    """Hold the fixtures of a module to leaving the system as new."""
    used: list[Keeper] = []
    yield used
    if used and used[0].is_running():  # one of the module's own has ended with it
        used[0].require_as_new()


@pytest.fixture(autouse=True)
def _left_by_the_test(request: pytest.FixtureRequest, _left_by_the_module: list[Keeper]) -> Iterator[None]:
    """Hold each test to leaving the system as it found it, so that their order does not matter."""
    found = request.getfixturevalue("deployed") if "deployed" in request.fixturenames else None
    if not isinstance(found, Deployed):  # none, or another thing of this name
        yield
        return
    keeper = found.keeper
    _left_by_the_module.append(keeper)
    if _set_up:
        keeper.forget()
        _set_up.clear()
    with keeper.kept():
        yield


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """A client of the deployed system, after whom the queues are empty."""
    client = Client(stack)
    yield client
    client.wait_until_drained()
    client.purge_dead_letters()


@pytest.fixture
def redelivery(client: Client, stack: Stack) -> Iterator[None]:
    """Let what failed come back after 12 s at most: just longer than the function may take."""
    seconds = 12
    queue, functions = client.address.queue_url, stack.client("lambda")
    before = client.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    variables = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    shorter = variables | {"RETRY_DELAYS": "5,10", "VISIBILITY_TIMEOUT": str(seconds)}
    client.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(seconds)})
    functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": shorter})
    yield
    client.wait_until_drained()
    functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": variables})
    client.sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)
