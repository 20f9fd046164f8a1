"""`ponto keys revoke` in moto, with calls that AWS refuses after the key is disabled."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.aws import Calls, refusal, stack
from tests.clock import FakeClock
from tests.commands import Run, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators

TOO_MANY = refusal("TooManyRequestsException", "Too Many Requests", "UpdateUsagePlan")
DISABLED = "key gate-1 is disabled and cannot be used any more"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Yield the calls to an account that has an API with the stage `dev`."""
    with aws():
        gateway = boto3.client("apigateway")
        api = gateway.create_rest_api(name="ponto")
        method: Any = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType="NONE")
        gateway.put_integration(**method, type="MOCK")
        gateway.create_deployment(restApiId=api["id"], stageName="dev")
        calls = Calls(monkeypatch)
        queues = {"QueueUrl": "https://p", "DeadLetterQueueUrl": "https://d"}
        calls.stubs["DescribeStacks"] = stack(**queues, ApiId=api["id"], ApiUrl="https://api")
        yield calls


@pytest.fixture
def run(calls: Calls, capsys: pytest.CaptureFixture[str]) -> Run:
    del calls
    run = runner(capsys, "keys", collaborators=Collaborators(FakeClock()))
    ponto: Run = lambda *words: run(*words, "--stage", "dev")  # noqa: E731
    assert ponto("create", "gate-1").status == 0
    return ponto


def is_enabled() -> bool:
    return any(key["enabled"] for key in boto3.client("apigateway").get_api_keys()["items"])


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("UpdateUsagePlan", TOO_MANY),
        ("UpdateUsagePlan", refusal("AccessDeniedException", "not you", "UpdateUsagePlan")),
        ("DeleteApiKey", refusal("AccessDeniedException", "not you", "DeleteApiKey")),
    ],
)
def test_failure_after_the_key_is_disabled_says_what_to_do(
    calls: Calls, run: Run, operation: str, error: Exception
) -> None:
    [key] = boto3.client("apigateway").get_api_keys()["items"]
    calls.stubs[operation] = error

    failed = run("revoke", key["id"], "--yes", "--forget")

    assert (failed.status, failed.out) == (1, "")
    assert f"AWS refused {operation}: " in failed.err
    assert f"{DISABLED}; run ponto keys revoke gate-1 again" in " ".join(failed.err.split())  # the id may be gone
    assert not is_enabled()
    del calls.stubs[operation]
    assert run("revoke", "gate-1", "--yes", "--forget").status == 0


def test_failed_disabling_is_not_reported_as_disabled(calls: Calls, run: Run) -> None:
    calls.stubs["UpdateApiKey"] = refusal("AccessDeniedException", "not you", "UpdateApiKey")
    failed = run("revoke", "gate-1", "--yes")
    assert failed.status == 2
    assert "is disabled" not in failed.err
    assert is_enabled()


def test_half_revoked_key_is_revoked_by_the_same_command_again(calls: Calls, run: Run) -> None:
    gateway = boto3.client("apigateway")
    [plan], [key] = gateway.get_usage_plans()["items"], gateway.get_api_keys()["items"]

    def interrupt(*_: object) -> None:
        gateway.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])  # as AWS does with a deleted key
        raise KeyboardInterrupt

    calls.stubs["UpdateUsagePlan"] = interrupt
    assert run("revoke", "gate-1", "--yes", "--forget").status == 130
    del calls.stubs["UpdateUsagePlan"]

    assert run("revoke", "gate-1", "--yes", "--forget").status == 0
    assert gateway.get_usage_plans()["items"] == []
