"""`ponto keys` in moto: the keys and usage plans that it creates, and calls that AWS refuses."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.aws import Calls, refusal, stack
from tests.clock import FakeClock
from tests.commands import Run, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Yield the calls to an account that has an API with the stages `dev` and `prod`."""
    with aws():
        gateway = boto3.client("apigateway")
        api = gateway.create_rest_api(name="ponto")
        method: Any = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType="NONE")
        gateway.put_integration(**method, type="MOCK")
        for stage in ("dev", "prod"):
            gateway.create_deployment(restApiId=api["id"], stageName=stage)
        calls = Calls(monkeypatch)
        queues = {"QueueUrl": "https://p", "DeadLetterQueueUrl": "https://d"}
        calls.stubs["DescribeStacks"] = stack(**queues, ApiId=api["id"], ApiUrl="https://api")
        yield calls


@pytest.fixture
def run(calls: Calls, capsys: pytest.CaptureFixture[str]) -> Run:
    del calls
    run = runner(capsys, "keys", collaborators=Collaborators(FakeClock()))
    return lambda *words, stage="dev": run(*words, "--stage", stage)


def list_keys_and_plans() -> tuple[Any, Any]:
    """Return all keys and usage plans of the account."""
    gateway = boto3.client("apigateway")
    return gateway.get_api_keys(includeValues=True)["items"], gateway.get_usage_plans()["items"]


def test_key_has_a_separate_plan_and_only_its_value_is_printed(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    result = run("create", "gate-1", "--rate", "2.5", "--burst", "7", "--quota", "300")

    assert result.status == 0
    (key,), (plan,) = list_keys_and_plans()
    assert plan["throttle"] == {"rateLimit": 2.5, "burstLimit": 7}
    assert (plan["quota"]["limit"], plan["quota"]["period"]) == (300, "DAY")
    assert [api_stage["stage"] for api_stage in plan["apiStages"]] == ["dev"]
    (member,) = boto3.client("apigateway").get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    assert (member["id"], key["enabled"]) == (key["id"], True)
    assert result.out == f"{key['value']}\n"
    assert key["value"] not in result.err + caplog.text


@pytest.mark.parametrize(
    ("operation", "error", "status"),
    [
        ("CreateUsagePlan", refusal("LimitExceededException"), 2),
        ("CreateUsagePlanKey", KeyboardInterrupt(), 130),
    ],
)
def test_failed_creation_is_undone(calls: Calls, run: Run, operation: str, error: BaseException, status: int) -> None:
    calls.stubs[operation] = error
    result = run("create", "gate-1")
    assert (result.status, result.out) == (status, "")
    assert list_keys_and_plans() == ([], [])


def test_list_shows_limits_without_values(run: Run) -> None:
    run("create", "gate-1", "--rate", "2.5")
    other = run("create", "gate-2", "--json").json

    table, listed = run("list"), run("list", "--json")

    assert table.out.splitlines()[2].split() == ["gate-2", other["id"], "yes", "10", "20", "10000"]
    assert [(key["name"], key["rate"]) for key in listed.json["keys"]] == [("gate-1", 2.5), ("gate-2", 10)]
    for key in list_keys_and_plans()[0]:
        assert key["value"] not in table.out + table.err + listed.out + listed.err


@pytest.mark.parametrize(("key_field", "options"), [("name", []), ("id", ["--forget"])])
def test_revoking_disables_the_key_and_deletes_its_plan(run: Run, key_field: str, options: list[str]) -> None:
    run("create", "gate-1", stage="prod")
    run("create", "gate-2")
    keys, plans = list_keys_and_plans()
    new = run("create", "gate-1", "--json").json

    assert run("revoke", new[key_field], "--yes", *options).status == 0

    keys_now, plans_now = list_keys_and_plans()
    assert plans_now == plans
    assert [key for key in keys_now if key["enabled"]] == keys
    # The disabled key is kept, so that its id can be found by its name.
    assert [key["id"] for key in keys_now if not key["enabled"]] == ([] if options else [new["id"]])


def test_keys_of_others_are_neither_listed_nor_changed(run: Run) -> None:
    run("create", "gate-9", stage="prod")
    gateway = boto3.client("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    plan = gateway.create_usage_plan(name="template", apiStages=[{"apiId": api["id"], "stage": "dev"}])
    key = gateway.create_api_key(name="template", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    before = list_keys_and_plans()

    for name in ("", "gate-9", "template", *(resource["id"] for resources in before for resource in resources)):
        assert run("revoke", name, "--yes").status == 1, name

    assert list_keys_and_plans() == before
    assert run("list").out == "0 keys created by this command\n"


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("UpdateUsagePlan", refusal("TooManyRequestsException")),
        ("UpdateUsagePlan", refusal("AccessDeniedException")),
        ("DeleteApiKey", refusal("AccessDeniedException")),
    ],
)
def test_half_revoked_key_is_revoked_by_its_name(calls: Calls, run: Run, operation: str, error: Exception) -> None:
    new = run("create", "gate-1", "--json").json
    calls.stubs[operation] = error

    failed = run("revoke", new["id"], "--yes", "--forget")

    assert (failed.status, failed.out) == (1, "")
    assert "run ponto keys revoke gate-1 again" in " ".join(failed.err.split())  # the id may be gone
    keys, (plan,) = list_keys_and_plans()
    assert not any(key["enabled"] for key in keys)
    del calls.stubs[operation]
    if not keys:  # AWS removes a deleted key from its plan
        boto3.client("apigateway").delete_usage_plan_key(usagePlanId=plan["id"], keyId=new["id"])
    assert run("revoke", "gate-1", "--yes", "--forget").status == 0
    assert list_keys_and_plans() == ([], [])


def test_failed_disabling_is_not_reported_as_disabled(calls: Calls, run: Run) -> None:
    run("create", "gate-1")
    calls.stubs["UpdateApiKey"] = refusal("AccessDeniedException")
    failed = run("revoke", "gate-1", "--yes")
    assert failed.status == 2
    assert "is disabled" not in failed.err
    assert list_keys_and_plans()[0][0]["enabled"]
