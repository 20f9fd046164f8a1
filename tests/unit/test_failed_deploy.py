"""What `ponto deploy` and `ponto remove` do after an `sls deploy` that failed or was interrupted."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.aws import NO_STACK, Calls, refusal
from tests.commands import Result, runner
from tests.events import aws
from tests.iam import deploying_role, may
from tools.deploy import command as deploying
from tools.deploy import failed_events, quotas
from tools.kit import osls

STACK = "batida-ponto-dev"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{STACK}/1"
NOTHING = quotas.Demand({}, makes_network=False, makes_cluster=False)
EXISTS = "Resource of type 'AWS::Logs::LogGroup' with identifier '/aws/lambda/x' already exists"
VALIDATION_ERROR = {
    "EventType": "VALIDATION_ERROR",
    "LogicalResourceId": "SchemaLogGroup",
    "ResourceType": "AWS::Logs::LogGroup",
    "ValidationFailureMode": "FAIL",
    "ValidationPath": "/Resources/SchemaLogGroup/Properties/LogGroupName",
    "ValidationStatusReason": EXISTS,
}
REASON = f"  SchemaLogGroup (AWS::Logs::LogGroup), /Resources/SchemaLogGroup/Properties/LogGroupName: {EXISTS}"


def described(*operations: str, status: str = "UPDATE_ROLLBACK_COMPLETE") -> Any:
    """Write CloudFormation's answer about a stack, its operations as TYPE:id, newest first."""
    entries = [dict(zip(("OperationType", "OperationId"), each.split(":"), strict=True)) for each in operations]
    created = datetime(2026, 11, 1, tzinfo=UTC)
    stack = {"StackId": STACK_ID, "StackName": STACK, "StackStatus": status, "CreationTime": created}
    return {"Stacks": [stack | {"LastOperations": entries}]}


class Dev:
    """The stage `dev` on moto's AWS, without a stack; `sls deploy` ends with a status, after a step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.calls = Calls(monkeypatch)
        self.calls.instead["GetAccountPlanState"] = {"accountPlanType": "PAID"}
        self.compiled = deploying.Compiled(False, needs_token=False, demand=NOTHING)
        self.sls: list[str] = []
        self.sls_status = 0
        self.after_sls: Mapping[str, Any] = {}  # what AWS answers once `sls deploy` has run
        self._capsys = capsys
        monkeypatch.setattr(deploying, "read", lambda _: self.compiled)
        monkeypatch.setattr(osls, "run", self._run_sls)

    def _run_sls(self, command: str, _options: Sequence[str], _environment: Mapping[str, str]) -> int:
        self.sls.append(command)
        if command != "deploy":
            return 0
        self.calls.instead |= self.after_sls
        return self.sls_status

    def run(self, command: str, *words: str) -> Result:
        return runner(self._capsys, command, "--stage", "dev", *words)()


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws():
        yield Dev(monkeypatch, capsys)


def test_a_change_set_that_fails_validation_is_explained_by_its_events(dev: Dev) -> None:
    dev.calls.instead["DescribeStacks"] = NO_STACK
    dev.sls_status = 1
    dev.after_sls = {
        "DescribeStacks": described("CREATE_CHANGESET:c", status="REVIEW_IN_PROGRESS"),
        "DescribeEvents": {"OperationEvents": [VALIDATION_ERROR]},
    }

    result = dev.run("deploy")

    assert result.status == 2
    assert REASON in result.err.splitlines()
    assert "ponto: sls deploy failed, as it says above" in result.err
    assert [made.parameters for made in dev.calls.of("DescribeEvents")] == [
        {"StackName": STACK_ID, "OperationId": "c", "Filters": {"FailedEvents": True}}
    ]
    assert "DeleteStack" not in dev.calls.operations


def test_only_failures_of_this_deploy_are_shown(dev: Dev) -> None:
    dev.calls.instead["DescribeStacks"] = described("UPDATE_STACK:old")
    failed = {"LogicalResourceId": "Vpc", "ResourceType": "AWS::EC2::VPC", "ResourceStatusReason": "limit"}
    cancelled = {"LogicalResourceId": "Topic", "ResourceStatusReason": "Resource creation cancelled"}
    warning = VALIDATION_ERROR | {"ValidationFailureMode": "WARN"}
    events = {"c": [warning], "u": [failed, cancelled], "r": []}
    dev.sls_status = 1
    dev.after_sls = {
        "DescribeStacks": described("ROLLBACK:r", "UPDATE_STACK:u", "CREATE_CHANGESET:c", "UPDATE_STACK:old"),
        "DescribeEvents": lambda _, given: {"OperationEvents": events[given["OperationId"]]},
    }

    lines = dev.run("deploy").err.splitlines()

    said = lines[lines.index("CloudFormation says:") + 1 :]
    assert said[:2] == [f"  warning: {REASON.strip()}", "  Vpc (AWS::EC2::VPC): limit"]
    assert said[2].startswith("ponto: sls deploy failed")
    assert [made.parameters["OperationId"] for made in dev.calls.of("DescribeEvents")] == ["c", "u", "r"]


def test_a_failure_before_cloudformation_did_anything_shows_no_earlier_reason(dev: Dev) -> None:
    old = VALIDATION_ERROR | {"Timestamp": datetime.now(UTC) - timedelta(hours=1)}
    dev.calls.instead |= {
        "DescribeStacks": described("UPDATE_STACK:old"),
        "DescribeEvents": {"OperationEvents": [old]},
    }
    dev.sls_status = 1
    assert "CloudFormation says" not in dev.run("deploy").err


def test_without_the_right_to_see_events_the_failure_of_sls_stays(dev: Dev) -> None:
    dev.calls.instead["DescribeStacks"] = NO_STACK
    dev.sls_status = 1
    dev.after_sls = {
        "DescribeStacks": described("CREATE_CHANGESET:c"),
        "DescribeEvents": refusal("AccessDenied", "not you", "DescribeEvents"),
    }

    result = dev.run("deploy")

    assert result.status == 2
    assert result.err.splitlines()[-3:] == [
        "not shown: CloudFormation's reason, for AWS refused DescribeEvents: AccessDenied: not you",
        "Allow cloudformation:DescribeEvents, or as a user who has it: aws cloudformation describe-events "
        f"--stack-name {STACK_ID} --filters FailedEvents=true --region us-east-1",
        "ponto: sls deploy failed, as it says above; nothing was migrated",
    ]


def test_events_are_asked_for_as_botocore_and_aws_take_them(capsys: pytest.CaptureFixture[str]) -> None:
    with aws():
        formation = boto3.client("cloudformation")
    both = {"StackName": STACK_ID, "OperationId": "c", "Filters": {"FailedEvents": True}}
    alone = {"OperationId": "c", "Filters": {"FailedEvents": True}}
    with Stubber(formation) as stub:
        stub.add_response("describe_stacks", described("UPDATE_STACK:old"), {"StackName": STACK})
        before = failed_events.observe(formation, "dev")
        stub.add_response("describe_stacks", described("CREATE_CHANGESET:c", "UPDATE_STACK:old"), {"StackName": STACK})
        stub.add_client_error("describe_events", "ValidationError", "One of ChangeSetName, ...", expected_params=both)
        stub.add_response("describe_events", {"OperationEvents": [], "NextToken": "2"}, alone)
        stub.add_response("describe_events", {"OperationEvents": [VALIDATION_ERROR]}, alone | {"NextToken": "2"})

        failed_events.print_since(formation, "dev", before)

        stub.assert_no_pending_responses()
    assert REASON in capsys.readouterr().err


@pytest.mark.parametrize("action", ["cloudformation:DescribeEvents"])
def test_the_deploying_role_may_see_why_a_deploy_failed(action: str) -> None:
    deployer = deploying_role(Repository="acme/clock", Stage="dev").principal
    assert may(deployer, action, STACK_ID)
