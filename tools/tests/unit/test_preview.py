"""`ponto deploy --preview` against a fake CloudFormation; the other services are moto's."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.aws import Calls, refusal
from tests.clock import FakeClock
from tests.commands import CommandResult, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators
from tools.kit.deploy_hook import DeployHook
from tools.operate.deploy.change_set import MAX_BODY_BYTES
from tools.tests.cloudformation import FakeCloudFormation
from tools.tests.sls import FakeSls

STACK = "batida-ponto-dev"
BUCKET = f"{STACK}-deployment-1"  # of the deployed stage
OUTPUTS = {
    "QueueUrl": "https://queue",
    "DeadLetterQueueUrl": "https://dead",
    "ApiId": "abc",
    "Database": "create",
    "ServerlessDeploymentBucketName": BUCKET,
}
FUNCTION = "SchemaLambdaFunction"
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


class Dev:
    """The stage `dev`, not deployed at first; `sls` is a fake."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.calls = Calls(monkeypatch)
        self.stubs = self.calls.stubs
        self.stubs |= {
            "DescribeStackResource": refusal("ValidationError", "it does not exist"),
            "GetAccountPlanState": {"accountPlanType": "PAID"},
        }
        self.cloudformation = FakeCloudFormation(self.calls)
        self.s3 = boto3.client("s3")
        self.sls = FakeSls()
        self.hooks: list[DeployHook] = []
        self.clock = FakeClock()
        collaborators = Collaborators(self.clock, self.sls, lambda: self.hooks)
        self.run = runner(capsys, "deploy", "--stage", "dev", collaborators=collaborators)

    def deploy(self, template: Any = None) -> None:
        """Add the stack of the deployed stage, by default with the compiled template."""
        template = json.loads(json.dumps(template or self.sls.template))
        template["Resources"][FUNCTION]["Properties"]["Code"]["S3Key"] = "deployed/batida-ponto.zip"
        self.cloudformation.add_stack(STACK, template=template, **OUTPUTS)
        self.s3.create_bucket(Bucket=BUCKET)
        self.stubs["GetFunctionConfiguration"] = {"CodeSha256": sha256(b"other code")}

    def preview(self, *options: str) -> CommandResult:
        result = self.run("--preview", *options)
        assert "ExecuteChangeSet" not in self.calls.operations
        assert "deploy" not in self.sls.commands
        return result

    @property
    def sent_template(self) -> Any:
        """Template of the last request, from its body or from S3."""
        request = self.cloudformation.requests[-1]
        return json.loads(request["TemplateBody"] if "TemplateBody" in request else self.uploads[-1])

    @property
    def uploads(self) -> list[bytes]:
        return [call.parameters["Body"].getvalue() for call in self.calls.by_operation("PutObject")]

    def objects(self, bucket: str) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def enlarge(self, size: int) -> None:
        """Add a topic with a long text to the template."""
        self.sls.add("Topic", "AWS::SNS::Topic", DisplayName="x" * size)


def sha256(code: bytes) -> str:
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws():
        yield Dev(monkeypatch, capsys)


def test_resources_of_a_new_stage_are_listed_without_a_change_in_the_account(dev: Dev) -> None:
    dev.sls.add("Queue", "AWS::SQS::Queue")
    dev.sls.add("DeadLetterQueue", "AWS::SQS::Queue")

    result = dev.preview("--param", "tracing=true", "--region", "sa-east-1")

    assert result.status == 0, result.err
    assert "batida-ponto-dev would be created; nothing was deployed" in result.out
    assert "add        AWS::SQS::Queue: Queue, DeadLetterQueue\n" in result.out
    assert not [name for name in dev.calls.operations if name.startswith(("Create", "Put", "Delete"))]
    ((_, options),) = dev.sls.invocations
    assert (options[:4], options[-1]) == (["--stage", "dev", "--region", "sa-east-1"], "--param=tracing=true")
    assert dev.sls.environments[0]["PONTO_PREVIEW"] == "true"


def test_deployed_stage_gets_a_separate_change_set_which_is_deleted(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.add_change_set(STACK, f"{STACK}-change-set")  # of osls
    dev.cloudformation.add_change("Modify", "ReadLambdaFunction", "AWS::Lambda::Function", "Timeout", "Code")
    dev.cloudformation.add_change("Modify", "Role", "AWS::IAM::Role", "Path", Replacement="Conditional")
    dev.cloudformation.add_change("Remove", "OldAlarm", "AWS::CloudWatch::Alarm")

    result = dev.preview()

    assert result.status == 0, result.err
    (request,) = dev.cloudformation.requests
    assert (request["StackName"], request["ChangeSetType"]) == (STACK, "UPDATE")
    assert request["Tags"] == [{"Key": "service", "Value": "batida-ponto"}]
    assert "batida-ponto-dev would be updated; nothing was deployed" in result.out
    assert "modify     ReadLambdaFunction (AWS::Lambda::Function): Code, Timeout\n" in result.out
    assert "modify     Role (AWS::IAM::Role): Path; replacement: Conditional\n" in result.out
    assert "remove     OldAlarm (AWS::CloudWatch::Alarm)\n" in result.out
    assert "HOLDS DATA" not in result.out
    assert [*dev.cloudformation.change_sets] == [(STACK, f"{STACK}-change-set")]


@pytest.mark.parametrize(
    ("kind", "replacement", "policy", "line"),
    [
        ("AWS::RDS::DBCluster", "True", "ReplaceAndRetain", r"is replaced: it has all punches \(ReplaceAndRetain\)$"),
        ("AWS::SQS::Queue", "Conditional", "ReplaceAndDelete", r"may be replaced: .* \(ReplaceAndDelete\)$"),
        ("AWS::S3::Bucket", None, "Delete", r"is deleted: it has files \(Delete\)$"),
        ("AWS::Cognito::UserPool", "True", None, "is replaced: it has accounts of people who sign in$"),
    ],
)
def test_replaced_or_deleted_data_is_named_first(
    dev: Dev, kind: str, replacement: str | None, policy: str | None, line: str
) -> None:
    dev.deploy()
    dev.cloudformation.add_change("Modify", "Other", "AWS::Lambda::Function", "Timeout")
    fields = ({"Replacement": replacement} if replacement else {}) | ({"PolicyAction": policy} if policy else {})
    dev.cloudformation.add_change("Modify" if replacement else "Remove", "Thing", kind, **fields)

    result = dev.preview()

    assert result.status == 0
    first = result.out.splitlines()[1]
    assert first.startswith(f"HOLDS DATA Thing ({kind}) ")
    assert re.search(line, first)


def deny_reading(dev: Dev) -> None:
    dev.stubs["DescribeEvents"] = RuntimeError("a fault of this program")


def press_ctrl_c(dev: Dev) -> None:
    """Press Ctrl-C when CloudFormation has got the request, but its response was not read yet."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    dev.cloudformation.polls_in_creation = 1
    dev.cloudformation.after_creation = interrupt


@pytest.mark.parametrize("fail", [deny_reading, press_ctrl_c])
def test_all_is_deleted_after_an_error_or_ctrl_c(dev: Dev, fail: Callable[[Dev], None]) -> None:
    dev.enlarge(MAX_BODY_BYTES)
    dev.deploy()
    fail(dev)

    if fail is press_ctrl_c:
        assert dev.preview().status == 130
    else:
        with pytest.raises(RuntimeError):
            dev.preview()

    assert len(dev.uploads) == 1
    assert dev.cloudformation.change_sets == {}
    assert dev.objects(BUCKET) == []


def test_next_preview_deletes_what_a_killed_one_left(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.add_change_set(STACK, f"{STACK}-preview", "CREATE_IN_PROGRESS")
    assert dev.preview().status == 0
    assert dev.cloudformation.change_sets == {}


def test_preview_that_cannot_delete_its_change_set_fails(dev: Dev) -> None:
    dev.deploy()
    dev.stubs["DeleteChangeSet"] = refusal("AccessDenied", "not you", "DeleteChangeSet")
    result = dev.preview()
    assert (result.status, result.out) == (2, "")
    assert "AWS refused DeleteChangeSet: AccessDenied: not you" in result.err


@pytest.mark.parametrize(
    ("deployed_code", "key"), [(b"code", "deployed/batida-ponto.zip"), (b"other", "new/batida-ponto.zip")]
)
def test_function_with_unchanged_code_keeps_its_key_in_s3(dev: Dev, deployed_code: bytes, key: str) -> None:
    dev.deploy()
    dev.stubs["GetFunctionConfiguration"] = {"CodeSha256": sha256(deployed_code)}

    dev.preview()

    assert dev.sent_template["Resources"][FUNCTION]["Properties"]["Code"]["S3Key"] == key
    call = dev.calls.by_operation("GetFunctionConfiguration")[0]
    assert call.parameters == {"FunctionName": "batida-ponto-dev-schema"}


def validation_event(mode: str, reason: str) -> dict[str, Any]:
    return {
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "Log",
        "ResourceType": "AWS::Logs::LogGroup",
        "Timestamp": datetime.now(UTC),
        "ValidationFailureMode": mode,
        "ValidationPath": "/Resources/Log/Properties",
        "ValidationStatusReason": reason,
    }


def test_refusal_of_the_validation_is_printed_with_resource_and_path(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.status = "FAILED"
    dev.cloudformation.reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]"
    dev.cloudformation.events = [validation_event("FAIL", "it exists"), validation_event("WARN", "nearly full")]

    result = dev.preview()

    assert result.status == 2
    assert f"refused    by CloudFormation (FAILED): {dev.cloudformation.reason}\n" in result.out
    assert "           Log (AWS::Logs::LogGroup), /Resources/Log/Properties: it exists\n" in result.out
    assert "           warning: Log (AWS::Logs::LogGroup), /Resources/Log/Properties: nearly full\n" in result.out


def test_nothing_to_change_is_no_failure(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.status, dev.cloudformation.reason = "FAILED", NO_CHANGES
    result = dev.preview()
    assert result.status == 0
    assert "accepted   by CloudFormation (FAILED)" in result.out


def lower_quota(dev: Dev) -> None:
    """Add a function that reserves concurrency, which the account does not have."""
    concurrency = {"FunctionName": f"{STACK}-batidaPonto", "ReservedConcurrentExecutions": 5}
    dev.sls.add("Drain", "AWS::Lambda::Function", Code={"S3Key": "new/batida-ponto.zip"}, **concurrency)
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    dev.stubs["GetAccountSettings"] = {"AccountLimit": limit}


def leave_cluster(dev: Dev) -> None:
    credentials = {"MasterUsername": "ponto", "MasterUserPassword": "x" * 8}
    name = f"{STACK}-databasecluster-a1b2c3"
    boto3.client("rds").create_db_cluster(DBClusterIdentifier=name, Engine="aurora-postgresql", **credentials)
    dev.sls.add_cluster()


def test_deploy_and_preview_report_all_refusals_at_once(dev: Dev) -> None:
    lower_quota(dev)
    leave_cluster(dev)

    deploy, preview, forced = dev.run(), dev.preview("--json"), dev.preview("--force")

    assert (deploy.status, preview.status, forced.status) == (2, 2, 2)
    refusals = preview.json["refusals"]
    assert [" ".join(refusal.split()[:3]) for refusal in refusals] == [
        "the account may",
        f"the cluster {STACK}-databasecluster-a1b2c3",
    ]
    *_, message = deploy.err.partition("\nponto: ")
    printed = "\n".join(line.strip() for line in message.splitlines())
    remedy = f"Deploy with what the account allows:\n{preview.json['remedy']}"
    assert printed == "\n\n".join([*refusals, remedy, "Nothing was deployed."])
    assert dev.sls.commands == ["package"] * 3
    assert "forced     the account may run 10 functions at once" in forced.out
    assert "remedy" not in forced.out


def test_result_as_json(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.add_change("Modify", "Queue", "AWS::SQS::Queue", "QueueName", Replacement="True")
    dev.cloudformation.events = [validation_event("WARN", "nearly full")]

    document = dev.preview("--json").json

    assert document.items() >= {"stage": "dev", "account": "123456789012", "stack": STACK, "isNew": False}.items()
    [change] = document["changes"]
    assert change.items() >= {"logicalId": "Queue", "replacement": "True", "properties": ["QueueName"]}.items()
    assert (document["validation"]["isAccepted"], len(document["validation"]["failures"])) == (True, 1)
    assert document["idleMonth"]["dollars"] == 7.96
