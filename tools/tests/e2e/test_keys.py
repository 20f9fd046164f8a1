"""`ponto keys` on the deployed stack: the keys and usage plans that it creates, and their effect."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.aws import Calls, refusal
from tests.commands import Run, runner, write_stack
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tools.kit import event
from tools.kit.local_stack import STAGE

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient

KeyOrPlan = tuple[str, str]  # type ("key" or "plan") and id
ACCESS_DENIED = refusal("AccessDeniedException")
TOO_MANY = refusal("LimitExceededException")


class Gateway:
    """API Gateway's control plane, some calls of which a test can replace."""

    def __init__(self, api: "APIGatewayClient", monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = api
        self.calls = Calls(monkeypatch)
        self.stubs = self.calls.stubs

    def list_keys_and_plans(self) -> set[KeyOrPlan]:
        """Return all keys and usage plans of the account."""
        keys = {("key", key["id"]) for key in self.api.get_api_keys(limit=500)["items"]}
        return keys | {("plan", plan["id"]) for plan in self.api.get_usage_plans(limit=500)["items"]}

    def plan(self, name: str) -> Any:
        (plan,) = (plan for plan in self.api.get_usage_plans(limit=500)["items"] if plan["name"] == name)
        return plan

    def value(self, key_id: str) -> str:
        return self.api.get_api_key(apiKey=key_id, includeValue=True)["value"]

    def delete(self, key_or_plan: KeyOrPlan) -> None:
        resource_type, identifier = key_or_plan
        if resource_type == "key":
            self.api.delete_api_key(apiKey=identifier)
        else:
            self.api.delete_usage_plan(usagePlanId=identifier)


class OtherDeployment(NamedTuple):
    """Another deployment in the same account."""

    state: Path
    api_id: str


@pytest.fixture
def gateway(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    api = deployed.stack.client("apigateway")
    with monkeypatch.context() as patch:
        gateway = Gateway(api, patch)
        before = gateway.list_keys_and_plans()
        yield gateway
    for key_or_plan in gateway.list_keys_and_plans() - before:
        gateway.delete(key_or_plan)


@pytest.fixture
def initial(gateway: Gateway) -> set[KeyOrPlan]:
    """Return the keys and usage plans of the template and of other tests."""
    return gateway.list_keys_and_plans()


@pytest.fixture
def prod(deployed: Deployed, gateway: Gateway, tmp_path: Path) -> Iterator[OtherDeployment]:
    api_id = gateway.api.create_rest_api(name="another")["id"]
    address = deployed.stack.address._asdict() | {"api_id": api_id}
    yield OtherDeployment(write_stack(tmp_path, **address), api_id)
    gateway.api.delete_rest_api(restApiId=api_id)


@pytest.fixture
def run(gateway: Gateway, deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `ponto keys` on the deployed stack; a later `--state` overrides it."""
    del gateway
    ponto = runner(capsys, "keys")
    return lambda verb, *words, **options: ponto(verb, "--state", deployed.state, *words, **options)


# create


def test_key_has_a_separate_plan_and_only_its_value_is_printed(
    deployed: Deployed, gateway: Gateway, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    result = run("create", "gate-1", "--rate", "2.5", "--burst", "7", "--quota", "300")

    assert result.status == 0
    plan = gateway.plan("batida-ponto-local/gate-1")
    assert plan["throttle"] == {"rateLimit": 2.5, "burstLimit": 7}
    assert (plan["quota"]["limit"], plan["quota"]["period"]) == (300, "DAY")
    api_id = deployed.stack.address.api_id
    assert [(each["apiId"], each["stage"]) for each in plan["apiStages"]] == [(api_id, STAGE)]
    (key,) = gateway.api.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    value = gateway.value(key["id"])
    assert len(value) >= 20
    assert result.out == f"{value}\n"
    assert value not in result.err + caplog.text


@pytest.mark.parametrize(
    ("operation", "error", "message"),
    [
        ("CreateUsagePlan", TOO_MANY, "AWS allows 300 in an account and region by default. Revoke unused keys"),
        ("CreateUsagePlanKey", KeyboardInterrupt(), "stopped"),
    ],
)
def test_failed_creation_is_undone_and_the_value_is_not_shown(
    initial: set[KeyOrPlan], gateway: Gateway, run: Run, operation: str, error: BaseException, message: str
) -> None:
    gateway.stubs[operation] = error

    result = run("create", "gate-1")

    assert (result.status, result.out) == (130 if message == "stopped" else 2, "")
    assert message in result.err
    assert gateway.list_keys_and_plans() == initial


# list


def test_list_shows_limits_without_values(run: Run) -> None:
    value = run("create", "gate-1", "--rate", "2.5").out.strip()
    other = run("create", "gate-2", "--json").json

    table, listed = run("list"), run("list", "--json")

    assert table.status == listed.status == 0
    lines = table.out.splitlines()
    assert lines[0].split() == ["name", "id", "enabled", "requests/s", "burst", "a", "day"]
    assert lines[1].split()[0::2] == ["gate-1", "yes", "20"]
    assert lines[2].split() == ["gate-2", other["id"], "yes", "10", "20", "10000"]
    assert lines[3] == "2 keys created by this command"
    assert [(key["name"], key["rate"]) for key in listed.json["keys"]] == [("gate-1", 2.5), ("gate-2", 10)]
    for result in (table, listed):
        assert value not in result.out + result.err
        assert other["value"] not in result.out + result.err


# revoke


@pytest.mark.parametrize(("key_field", "forget"), [("name", False), ("id", True)])
def test_revoking_disables_the_key_and_deletes_its_plan(
    prod: OtherDeployment, gateway: Gateway, run: Run, key_field: str, forget: bool
) -> None:
    run("create", "gate-1", "--state", prod.state)
    run("create", "gate-2")
    before = gateway.list_keys_and_plans()
    new_key = run("create", "gate-1", "--json").json
    gateway.calls.history.clear()

    result = run("revoke", new_key[key_field], "--yes", *["--forget"] * forget)

    assert result.status == 0
    changes = [call for call in gateway.calls.operations if not call.startswith(("Get", "Describe"))]
    assert changes == ["UpdateApiKey", *["DeleteApiKey"] * forget, "UpdateUsagePlan", "DeleteUsagePlan"]
    if forget:
        assert gateway.list_keys_and_plans() == before
    else:  # the disabled key is kept, so that its id can be found by its name
        assert gateway.list_keys_and_plans() == before | {("key", new_key["id"])}
        assert gateway.api.get_api_key(apiKey=new_key["id"])["enabled"] is False


def test_keys_of_others_are_neither_listed_nor_changed(
    prod: OtherDeployment, initial: set[KeyOrPlan], gateway: Gateway, run: Run
) -> None:
    run("create", "gate-9", "--state", prod.state)
    existing = gateway.list_keys_and_plans()

    for name in ("", "gate-9", "batida-ponto-local/gate-9", *(identifier for _, identifier in initial)):
        result = run("revoke", name, "--yes")
        assert (result.status, result.out) == (1, ""), name

    assert gateway.list_keys_and_plans() == existing
    assert run("list").out == "0 keys created by this command\n"


# Effect of a key


def test_key_works_until_it_is_revoked(client: Client, run: Run) -> None:
    body = event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z")
    revoked, other = (run("create", name).out.strip() for name in ("gate-1", "gate-2"))
    assert client.post(body, x_api_key=revoked).status == 202

    run("revoke", "gate-1", "--yes")

    refused = client.post(body, x_api_key=revoked)
    assert (refused.status, refused.body) == (403, {"message": "Forbidden"})
    assert client.post(body, x_api_key=other).status == 202
    assert client.post(body).status == 202  # the key of the template
