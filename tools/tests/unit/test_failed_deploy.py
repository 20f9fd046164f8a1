"""`ponto deploy` and `ponto remove` after an `sls deploy` that failed or was interrupted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from tests.aws import NO_STACK, ROLE_EXISTS, Calls, refusal, stack
from tests.clock import FakeClock
from tests.commands import CommandResult, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators
from tools.operate.deploy import stack_state
from tools.tests.sls import FakeSls

STACK = "batida-ponto-dev"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{STACK}/1"
EXISTS = "Resource of type 'AWS::Logs::LogGroup' with identifier '/aws/lambda/x' already exists"
REASON = f"  SchemaLogGroup (AWS::Logs::LogGroup), /Resources/SchemaLogGroup/Properties/LogGroupName: {EXISTS}"


def validation_event(**overrides: Any) -> dict[str, Any]:
    """Return a CloudFormation event: validation failed now, because the name of a resource is already in use."""
    event = {
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "SchemaLogGroup",
        "ResourceType": "AWS::Logs::LogGroup",
        "ValidationFailureMode": "FAIL",
        "ValidationPath": "/Resources/SchemaLogGroup/Properties/LogGroupName",
        "ValidationStatusReason": EXISTS,
        "Timestamp": datetime.now(UTC),
        "OperationId": "c",
    }
    return event | overrides


def stack_response(*operations: str, status: str = "UPDATE_ROLLBACK_COMPLETE") -> Any:
    """Return the response of DescribeStacks for the stack.

    Args:
        operations: Last operations of the stack as TYPE:id, newest first.
        status: Status of the stack.
    """
    entries = [
        dict(zip(("OperationType", "OperationId"), operation.split(":"), strict=True)) for operation in operations
    ]
    created = datetime.now(UTC) - timedelta(hours=1)
    stack = {"StackId": STACK_ID, "StackName": STACK, "StackStatus": status, "CreationTime": created}
    return {"Stacks": [stack | {"LastOperations": entries}]}


class Dev:
    """The stage `dev` in moto, without a stack; `sls` is a fake that deploys nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.calls = Calls(monkeypatch)
        self.calls.stubs |= {"GetAccountPlanState": {"accountPlanType": "PAID"}, "CreateServiceLinkedRole": ROLE_EXISTS}
        self.sls = FakeSls()
        self.clock = FakeClock(datetime.now(UTC) + timedelta(hours=1))
        self._capsys = capsys

    def fail(self, **stubs: Any) -> None:
        """Configure `sls deploy` to fail, and set stubs for the calls after it."""
        self.sls.status = 1
        self.sls.while_running = lambda: self.calls.stubs.update(stubs)

    def run(self, command: str, *options: str) -> CommandResult:
        collaborators = Collaborators(self.clock, self.sls)
        return runner(self._capsys, command, "--stage", "dev", *options, collaborators=collaborators)()


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws():
        yield Dev(monkeypatch, capsys)


def test_failed_validation_of_a_change_set_is_explained_by_its_events(dev: Dev) -> None:
    dev.calls.stubs["DescribeStacks"] = NO_STACK
    dev.fail(
        DescribeStacks=stack_response("CREATE_CHANGESET:c", status="REVIEW_IN_PROGRESS"),
        DescribeChangeSet={"ChangeSetId": "arn:new", "Status": "FAILED"},
        DescribeEvents={"OperationEvents": [validation_event()]},
    )

    result = dev.run("deploy")

    assert result.status == 2
    assert REASON in result.err.splitlines()
    assert "ponto: sls deploy failed, see its output above" in result.err
    assert result.err.count(REASON) == 1
    assert [call.parameters for call in dev.calls.by_operation("DescribeEvents")] == [
        {"StackName": STACK_ID, "Filters": {"FailedEvents": True}},
        {"ChangeSetName": "arn:new", "Filters": {"FailedEvents": True}},
    ]
    assert "DeleteStack" not in dev.calls.operations


@pytest.mark.parametrize(
    ("creation", "message"),
    [
        ({}, "created the role AWSServiceRoleForRDS"),
        (ROLE_EXISTS, ""),
        (refusal("AccessDenied", "not you", "CreateServiceLinkedRole"), "aws iam create-service-linked-role"),
    ],
)
def test_role_that_rds_needs_is_created_before_the_first_cluster(dev: Dev, creation: Any, message: str) -> None:
    dev.calls.stubs["CreateServiceLinkedRole"] = creation
    dev.sls.add_cluster()
    result = dev.run("deploy")
    assert dev.sls.commands == ["package", "deploy"]
    assert message in result.err


@pytest.mark.parametrize(
    ("status", "command"),
    [
        *[(status, command) for status, (_, command) in stack_state.REMEDIES.items() if status.endswith("ED")],
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name {stack}"),
        ("REVIEW_IN_PROGRESS", "aws cloudformation delete-stack --stack-name {stack}"),
        ("UPDATE_IN_PROGRESS", "aws cloudformation describe-stacks"),
        ("IMPORT_ROLLBACK_FAILED", "aws cloudformation describe-stack-events"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--preview"], ["--force"]])
def test_state_without_deploys_is_refused_with_the_command_that_ends_it(
    dev: Dev, options: list[str], status: str, command: str
) -> None:
    dev.calls.stubs["DescribeStacks"] = stack(status)
    result = dev.run("deploy", *options)
    assert (result.status, dev.sls.commands) == (2, [])
    assert f"  {command.format(stack=STACK, stage='dev')}" in result.err
    assert dev.calls.operations.count("DescribeStacks") == len(dev.calls.operations) - 1  # and GetCallerIdentity


def test_stack_without_resources_is_not_removed_by_sls(dev: Dev) -> None:
    dev.calls.stubs["DescribeStacks"] = stack("REVIEW_IN_PROGRESS")
    result = dev.run("remove", "--yes")
    assert (result.status, dev.sls.commands) == (2, [])
    assert "aws cloudformation delete-stack" in result.err


def test_resources_outside_the_stack_are_listed_before_its_first_deploy(dev: Dev) -> None:
    sqs, logs, s3 = boto3.client("sqs"), boto3.client("logs"), boto3.client("s3")
    tags = {"service": "batida-ponto", "stage": "dev"}
    sqs.create_queue(QueueName="kept", tags=tags)
    sqs.create_queue(QueueName="of-another-stage", tags=tags | {"stage": "prod"})
    logs.create_log_group(logGroupName="/aws/lambda/kept", tags=tags)
    pairs: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
    bucket = f"{STACK}-serverlessdeploymentbucket-1"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": pairs})

    lines = dev.run("deploy").err.splitlines()

    assert [line.rpartition(":")[2] for line in lines if line.startswith("  arn:")] == ["/aws/lambda/kept", "kept"]
    assert dev.sls.commands == ["package", "deploy"]
