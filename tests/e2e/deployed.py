"""Fixtures of the complete system, deployed once for all end-to-end tests."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands import Run, runner
from tests.e2e.client import Client
from tools.local import emulator
from tools.local.stack import LoadParameters, Stack, run_local_stack

DRAIN = "batida-ponto-local-batidaPonto"

# State that a fault or a test may change in the database.
_DATABASE = """
select 'setting ' || unnest(setconfig) from pg_db_role_setting
union all select 'no connections to ' || datname from pg_database where not datallowconn and datname <> 'template0'
union all select 'trigger ' || tgrelid::regclass || '.' || tgname from pg_trigger where not tgisinternal
union all select 'constraint ' || conrelid::regclass || '.' || conname from pg_constraint where conrelid <> 0
order by 1
"""


class Deployed(NamedTuple):
    stack: Stack
    state: Path
    snapshot: dict[str, object]  # state after the deploy


_running: list[Deployed] = []


def take_snapshot(stack: Stack) -> dict[str, object]:
    """Wait until the queue is drained, unless the drain is disabled; return by name the state that tests share."""
    client, functions, api = Client(stack), stack.client("lambda"), stack.client("apigateway")
    stack.require_running()
    (mapping,) = functions.list_event_source_mappings(FunctionName=DRAIN)["EventSourceMappings"]
    if mapping["State"] == "Enabled":
        with contextlib.suppress(AssertionError):  # the snapshot contains the number of remaining messages
            client.wait_until_drained()
    function = functions.get_function_configuration(FunctionName=DRAIN)
    return {
        "punches": _read_queue(client, client.address.queue_url),
        "dead letters": _read_queue(client, client.address.dlq_url),
        "drain": mapping["State"],
        "concurrency": functions.get_function_concurrency(FunctionName=DRAIN)["ReservedConcurrentExecutions"],
        "code": function["CodeSha256"],
        "environment": function["Environment"]["Variables"],
        "keys": {key["id"] for key in api.get_api_keys(limit=500)["items"]},
        "usage plans": {plan["id"] for plan in api.get_usage_plans(limit=500)["items"]},
        "database": client.query(_DATABASE),
    }


def _read_queue(client: Client, url: str) -> tuple[int, dict[str, Any]]:
    """Return a queue's number of messages, including those in flight, and its settings."""
    attributes = client.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    counts = {name for name in attributes if name.startswith("Approximate")}
    settings = {name: attributes[name] for name in attributes.keys() - counts - {"LastModifiedTimestamp"}}
    return sum(int(attributes[name]) for name in counts), settings


@contextlib.contextmanager
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
