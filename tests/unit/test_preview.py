"""`ponto deploy --preview` against a fake CloudFormation; the other services are moto's."""

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.aws import NO_STACK, Calls, refusal
from tests.clock import FakeClock
from tests.cloudformation import FakeCloudFormation
from tests.commands import CommandResult, FakeSls, runner
from tests.events import aws
from tools.deploy import change_set
from tools.deploy.change_set import CHANGE_SET, DESCRIPTION, MAX_BODY_BYTES, OBJECT_KEY
from tools.kit import osls
from tools.kit.collaborators import Collaborators
from tools.kit.deploy_hook import DeferredResource, DeployHook, HookResult
from tools.kit.project import ROOT
from tools.plan.costs import PRICES

STACK = "batida-ponto-dev"
PREVIEW_STACK = "preview-batida-ponto-dev"
BUCKET = f"{STACK}-deployment-1"  # of the deployed stage
OUTPUTS = {
    "PunchQueueUrl": "https://queue",
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

    def buckets(self) -> list[str]:
        return [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]

    def objects(self, bucket: str) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def enlarge(self, *, dashboard_bytes: int = 0, other_bytes: int = 0) -> None:
        """Add a dashboard and a topic with long texts to the template."""
        self.sls.add("Dashboard", "AWS::CloudWatch::Dashboard", DashboardBody="x" * dashboard_bytes)
        self.sls.add("Topic", "AWS::SNS::Topic", DisplayName="x" * other_bytes)


def sha256(code: bytes) -> str:
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws():
        yield Dev(monkeypatch, capsys)


def test_new_stage_is_compared_under_another_stack_name_which_is_deleted(dev: Dev) -> None:
    dev.cloudformation.add_change("Add", "PunchQueue", "AWS::SQS::Queue")
    dev.cloudformation.add_change("Add", "DeadLetterQueue", "AWS::SQS::Queue")

    result = dev.preview()

    assert result.status == 0, result.err
    (request,) = dev.cloudformation.requests
    assert (request["StackName"], request["ChangeSetType"]) == (PREVIEW_STACK, "CREATE")
    assert "batida-ponto-dev would be created; nothing was deployed" in result.out
    assert "added      AWS::SQS::Queue: PunchQueue, DeadLetterQueue\n" in result.out
    assert "validated  by CloudFormation, without warnings\n" in result.out
    assert (dev.cloudformation.stacks, dev.cloudformation.change_sets) == ({}, {})


def test_name_of_the_preview_stack_does_not_reach_names_of_resources(dev: Dev) -> None:
    dev.sls.add("Control", "AWS::CloudFront::OriginAccessControl", Name={"Fn::Sub": "${AWS::StackName}-x"})
    dev.preview()
    assert dev.sent_template["Resources"]["Control"]["Properties"]["Name"] == {"Fn::Sub": f"{STACK}-x"}


@pytest.mark.parametrize("stage", ["dev", "preview-batida-ponto-dev", "d"])
def test_name_of_the_preview_stack_is_no_stages(stage: str) -> None:
    assert not change_set.preview_stack_name("dev").startswith(osls.service())
    assert change_set.preview_stack_name("dev") != osls.stack_name(stage)


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
    assert "batida-ponto-dev would be updated; nothing was deployed" in result.out
    assert "changed    ReadLambdaFunction (AWS::Lambda::Function): Timeout, Code\n" in result.out
    assert "replaced?  Role (AWS::IAM::Role): Path\n" in result.out
    assert "deleted    OldAlarm (AWS::CloudWatch::Alarm)\n" in result.out
    assert "HOLDS DATA" not in result.out
    assert [*dev.cloudformation.change_sets] == [(STACK, f"{STACK}-change-set")]
    assert [*dev.cloudformation.stacks] == [STACK]


@pytest.mark.parametrize(
    ("kind", "replacement", "policy", "line"),
    [
        (
            "AWS::RDS::DBCluster",
            "True",
            "ReplaceAndRetain",
            "is replaced: it has all punches; the new one is empty, and the old one stays",
        ),
        (
            "AWS::SQS::Queue",
            "Conditional",
            "ReplaceAndDelete",
            "may be replaced: it may have punches .*; .* the old one is deleted",
        ),
        ("AWS::S3::Bucket", None, "Delete", "is deleted: it has files; it is deleted with its contents"),
        ("AWS::RDS::DBCluster", None, "Snapshot", "is deleted: it has all punches; it is deleted after a snapshot"),
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


def test_change_set_is_awaited_and_its_pages_are_read(dev: Dev) -> None:
    dev.cloudformation.polls_in_creation = 2
    dev.preview()
    assert dev.clock.waits == [2.0, 2.0]


def deny_reading(dev: Dev) -> None:
    dev.stubs["DescribeEvents"] = RuntimeError("a fault of this program")


def press_ctrl_c(dev: Dev) -> None:
    """Press Ctrl-C when CloudFormation has got the request, but its response was not read yet."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    dev.cloudformation.polls_in_creation = 1
    dev.cloudformation.after_creation = interrupt


@pytest.mark.parametrize("fail", [deny_reading, press_ctrl_c])
@pytest.mark.parametrize("is_deployed", [True, False])
def test_all_is_deleted_after_an_error_or_ctrl_c(dev: Dev, fail: Callable[[Dev], None], *, is_deployed: bool) -> None:
    dev.enlarge(other_bytes=MAX_BODY_BYTES)
    if is_deployed:
        dev.deploy()
    fail(dev)

    if fail is press_ctrl_c:
        assert dev.preview().status == 130
    else:
        with pytest.raises(RuntimeError):
            dev.preview()

    assert len(dev.uploads) == 1
    assert dev.cloudformation.change_sets == {}
    assert [*dev.cloudformation.stacks] == ([STACK] if is_deployed else [])
    assert dev.buckets() == ([BUCKET] if is_deployed else [])
    assert not is_deployed or dev.objects(BUCKET) == []


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "CREATE_IN_PROGRESS", "FAILED"])
@pytest.mark.parametrize("is_deployed", [True, False])
def test_next_preview_deletes_what_a_killed_one_left(dev: Dev, status: str, *, is_deployed: bool) -> None:
    if is_deployed:
        dev.deploy()
        dev.cloudformation.add_change_set(STACK, CHANGE_SET, status)
        dev.s3.put_object(Bucket=BUCKET, Key=OBJECT_KEY, Body=b"{}")
    dev.cloudformation.add_stack(PREVIEW_STACK, "REVIEW_IN_PROGRESS")
    dev.cloudformation.add_change_set(PREVIEW_STACK, CHANGE_SET, status)
    left = f"{STACK}-preview-012345"
    dev.s3.create_bucket(Bucket=left)
    dev.s3.put_object(Bucket=left, Key=OBJECT_KEY, Body=b"{}")

    result = dev.preview()

    assert result.status == 0, result.err
    assert dev.cloudformation.change_sets == {}
    assert [*dev.cloudformation.stacks] == ([STACK] if is_deployed else [])
    assert dev.buckets() == ([BUCKET] if is_deployed else [])
    assert not is_deployed or dev.objects(BUCKET) == []


def test_buckets_of_other_stages_stay(dev: Dev) -> None:
    others = [f"{STACK}-preview-deployment-1", "batida-ponto-prod-preview-012345"]
    full = f"{STACK}-preview-012345"  # not from a preview, because it has another object
    for bucket in (*others, full):
        dev.s3.create_bucket(Bucket=bucket)
    dev.s3.put_object(Bucket=full, Key="other", Body=b"")

    result = dev.preview()

    assert result.status == 0
    assert sorted(dev.buckets()) == sorted([*others, full])
    assert "what an earlier preview left may still exist (AWS refused DeleteBucket: BucketNotEmpty" in result.err


@pytest.mark.parametrize("is_deployed", [True, False])
@pytest.mark.parametrize(
    ("status", "change_set_name", "description"),
    [
        ("CREATE_COMPLETE", CHANGE_SET, DESCRIPTION),
        ("DELETE_FAILED", CHANGE_SET, DESCRIPTION),
        ("REVIEW_IN_PROGRESS", CHANGE_SET, "of a colleague"),
        ("REVIEW_IN_PROGRESS", "other", DESCRIPTION),
    ],
)
def test_stack_that_no_preview_created_is_not_deleted(
    dev: Dev, status: str, change_set_name: str, description: str, *, is_deployed: bool
) -> None:
    dev.cloudformation.add_stack(PREVIEW_STACK, status)
    dev.cloudformation.add_change_set(PREVIEW_STACK, change_set_name, description=description)
    if is_deployed:  # the preview does not need the name of the stack
        dev.deploy()

    result = dev.preview()

    assert result.status == (0 if is_deployed else 2)
    reason = f"the stack {PREVIEW_STACK} ({status}) has resources, or not the change set {CHANGE_SET} of a preview"
    assert reason in result.err
    assert PREVIEW_STACK in dev.cloudformation.stacks
    assert "DeleteStack" not in dev.calls.operations


def test_stack_that_is_being_deleted_is_awaited(dev: Dev) -> None:
    dev.cloudformation.add_stack(PREVIEW_STACK, "DELETE_IN_PROGRESS")
    describe = dev.stubs["DescribeStacks"]

    def describe_until_deleted(client: object, parameters: dict[str, Any]) -> Any:
        answer = describe(client, parameters)
        if parameters["StackName"] == PREVIEW_STACK:
            dev.cloudformation.stacks.pop(PREVIEW_STACK, None)
        return answer

    dev.stubs["DescribeStacks"] = describe_until_deleted
    dev.stubs["CreateChangeSet"] = refusal("ValidationError", "not of interest", "CreateChangeSet")

    dev.preview()

    assert "CreateChangeSet" in dev.calls.operations
    assert "DeleteStack" not in dev.calls.operations


@pytest.mark.parametrize("is_deployed", [True, False])
def test_change_set_that_hangs_is_awaited_only_shortly_at_the_end(dev: Dev, *, is_deployed: bool) -> None:
    dev.cloudformation.polls_in_creation = 10_000
    if is_deployed:
        dev.deploy()

    result = dev.preview()

    assert result.status == 2
    assert "is CREATE_IN_PROGRESS after 600 s" in result.err
    assert f"not deleted: the change set {CHANGE_SET} of " in result.err
    assert sum(dev.clock.waits) < 700


STAGE_OF_MAX_LENGTH = "s" * (63 - len(f"{osls.service()}--preview-123456"))
"""Name of a stage whose temporary bucket has as many letters as S3 allows."""


@pytest.mark.parametrize(("stage", "status"), [(STAGE_OF_MAX_LENGTH, 0), (STAGE_OF_MAX_LENGTH + "s", 2), ("Dev", 2)])
def test_temporary_bucket_begins_with_the_name_of_the_stack(dev: Dev, stage: str, status: int) -> None:
    dev.enlarge(other_bytes=MAX_BODY_BYTES)

    result = dev.preview("--stage", stage)

    assert result.status == status
    names = [call.parameters["Bucket"] for call in dev.calls.by_operation("CreateBucket")]
    if status:
        assert names == []
        assert f"needs a bucket `batida-ponto-{stage}-preview-...`; S3 allows no capitals" in result.err
    else:
        assert [len(name) for name in names] == [63]
        assert names[0].startswith(f"batida-ponto-{stage}-preview-")


def test_preview_that_cannot_delete_its_stack_says_so_and_fails(dev: Dev) -> None:
    dev.stubs["DeleteStack"] = refusal("AccessDenied", "not you", "DeleteStack")
    result = dev.preview()
    assert result.status == 2
    reason = "AWS refused DeleteStack: AccessDenied: not you. The next preview of this stage tries again"
    assert f"left over  {reason}\n" in result.out


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


def test_function_that_does_not_exist_or_cannot_be_read_is_shown_as_changed(dev: Dev) -> None:
    dev.deploy()
    for code, note in (("ResourceNotFoundException", ""), ("AccessDenied", "not seen   whether the functions' code")):
        client = boto3.client("lambda")
        error = getattr(client.exceptions, code, type(refusal(code)))
        dev.stubs["GetFunctionConfiguration"] = error({"Error": {"Code": code, "Message": "no"}}, "Operation")
        result = dev.preview()
        assert result.status == 0
        assert note in result.out
        assert dev.sent_template["Resources"][FUNCTION]["Properties"]["Code"]["S3Key"] == "new/batida-ponto.zip"


def test_two_updates_of_a_first_deploy_are_shown_as_one(dev: Dev) -> None:
    dev.sls.add_cluster(is_protected=True)
    dev.sls.add("Gate", "AWS::Gate")
    gate = DeferredResource("Gate", "gate=false", "AWS refuses gates to some accounts")
    dev.hooks = [DeployHook(lambda _: HookResult("gate", None), gate)]

    result = dev.preview()

    ((command, options),) = dev.sls.invocations
    assert command == "package"
    assert not [option for option in options if option.startswith("--param")]
    assert len(dev.cloudformation.requests) == 1
    assert dev.sent_template["Resources"]["DatabaseCluster"]["Properties"]["DeletionProtection"] is True
    assert "Gate" in dev.sent_template["Resources"]
    assert [line for line in result.out.splitlines() if line.startswith("updates")] == [
        "updates    two: the first update creates the cluster without protection from deletion, so that a failed "
        "deploy leaves no cluster",
        "updates    two: AWS refuses gates to some accounts",
    ]


def test_stage_is_compiled_with_its_parameters_and_what_exists(dev: Dev) -> None:
    dev.preview("--param", "tracing=true", "--region", "sa-east-1")
    ((_, options),) = dev.sls.invocations
    assert options[:4] == ["--stage", "dev", "--region", "sa-east-1"]
    assert options[-1] == "--param=tracing=true"
    assert dev.sls.environments[0]["PONTO_PREVIEW"] == "true"


@pytest.mark.parametrize(
    ("sizes", "is_dashboard_sent", "upload_to"),
    [
        ({"dashboard_bytes": 100}, True, None),
        ({"dashboard_bytes": MAX_BODY_BYTES}, False, None),
        ({"dashboard_bytes": 100, "other_bytes": MAX_BODY_BYTES}, True, "bucket"),
    ],
    ids=["short", "long with its dashboard", "long"],
)
@pytest.mark.parametrize("is_deployed", [True, False])
def test_long_template_is_sent_without_dashboard_or_uploaded_for_the_time_of_the_preview(
    dev: Dev, sizes: dict[str, int], upload_to: str | None, *, is_dashboard_sent: bool, is_deployed: bool
) -> None:
    dev.enlarge(**sizes)
    if is_deployed:
        dev.deploy()

    result = dev.preview()

    assert result.status == 0, result.err
    (request,) = dev.cloudformation.requests
    resources = dev.sent_template["Resources"]
    is_sent = resources["Dashboard"]["Properties"]["DashboardBody"] == "x" * sizes["dashboard_bytes"]
    assert is_sent == is_dashboard_sent
    note = "was compared with the deployed template instead" if is_deployed else "was not sent"
    assert (f"not seen   the dashboard's body, which {note}\n" in result.out) == (not is_dashboard_sent)
    assert ("TemplateURL" in request) == bool(upload_to)
    if upload_to:
        host, bucket, key = request["TemplateURL"].removeprefix("https://").split("/", 2)
        assert (host, key) == ("s3.amazonaws.com", OBJECT_KEY)
        assert (bucket == BUCKET) == is_deployed
        assert bucket.startswith(f"{STACK}-")
        (put,) = dev.calls.by_operation("PutObject")
        assert put.parameters["ExpectedBucketOwner"] == "123456789012"
    assert dev.buckets() == ([BUCKET] if is_deployed else [])
    assert not is_deployed or dev.objects(BUCKET) == []


def test_temporary_bucket_is_in_the_region_of_the_stage(dev: Dev) -> None:
    dev.enlarge(other_bytes=MAX_BODY_BYTES)
    assert dev.preview("--region", "sa-east-1").status == 0
    (created,) = dev.calls.by_operation("CreateBucket")
    assert created.parameters["CreateBucketConfiguration"] == {"LocationConstraint": "sa-east-1"}
    (request,) = dev.cloudformation.requests
    assert request["TemplateURL"].startswith(f"https://s3.sa-east-1.amazonaws.com/{created.parameters['Bucket']}/")


@pytest.mark.parametrize(("body", "line"), [("same", ""), ("new", "changed    Dashboard (AWS::CloudWatch::Dashboard)")])
def test_dashboard_that_was_not_sent_is_compared_with_the_deployed_one(dev: Dev, body: str, line: str) -> None:
    dev.enlarge(dashboard_bytes=MAX_BODY_BYTES)
    dev.deploy()
    if body == "new":
        dev.sls.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"] += "more"
    dev.cloudformation.add_change("Modify", "Dashboard", "AWS::CloudWatch::Dashboard", "DashboardBody")
    out = dev.preview().out
    assert line in out
    assert ("changed    " in out) == bool(line)


@pytest.mark.parametrize("dashboard_bytes", [0, MAX_BODY_BYTES])
def test_deployed_metadata_is_sent_so_that_no_resource_is_listed_for_it(dev: Dev, dashboard_bytes: int) -> None:
    dev.enlarge(dashboard_bytes=dashboard_bytes)
    resources = dev.sls.template["Resources"]
    resources["Topic"]["Metadata"] = {"checkov": "deployed"}
    dev.deploy()
    resources["Topic"]["Metadata"] = {"checkov": "new"}
    resources["Dashboard"]["Metadata"] = {"checkov": "new"}
    dev.sls.add("NewTopic", "AWS::SNS::Topic")
    resources["NewTopic"]["Metadata"] = {"checkov": "new"}

    dev.preview()

    metadata = {name: resource.get("Metadata") for name, resource in dev.sent_template["Resources"].items()}
    assert metadata == dict.fromkeys(resources) | {"Topic": {"checkov": "deployed"}, "NewTopic": {"checkov": "new"}}


def test_change_that_may_follow_from_another_resource_is_uncertain(dev: Dev) -> None:
    dev.deploy()
    target = {"Attribute": "Properties", "Name": "Policies"}
    for name, evaluations in (("Reader", ["Dynamic"]), ("Writer", ["Dynamic", "Static"])):
        details = [{"Target": target, "Evaluation": evaluation} for evaluation in evaluations]
        dev.cloudformation.add_change("Modify", name, "AWS::IAM::Role", Details=details)

    result = dev.preview()

    assert "changed?   Reader (AWS::IAM::Role): Policies\n" in result.out
    assert "changed    Writer (AWS::IAM::Role): Policies\n" in result.out


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
    dev.cloudformation.status = "FAILED"
    dev.cloudformation.reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]"
    dev.cloudformation.events = [validation_event("FAIL", "it exists"), validation_event("WARN", "nearly full")]

    result = dev.preview()

    assert result.status == 2
    assert f"refused    by CloudFormation (FAILED: {dev.cloudformation.reason})\n" in result.out
    assert "           Log (AWS::Logs::LogGroup), /Resources/Log/Properties: it exists\n" in result.out
    assert "           warning: Log (AWS::Logs::LogGroup), /Resources/Log/Properties: nearly full\n" in result.out
    assert dev.cloudformation.stacks == {}


def test_warnings_of_the_validation_do_not_fail_the_preview(dev: Dev) -> None:
    dev.cloudformation.events = [validation_event("WARN", "nearly full")]
    result = dev.preview()
    assert result.status == 0
    assert "validated  by CloudFormation, with warnings\n           warning: Log (AWS::Logs" in result.out


def test_without_the_right_to_read_events_the_preview_says_so(dev: Dev) -> None:
    dev.stubs["DescribeEvents"] = refusal("AccessDenied", "not you", "DescribeEvents")
    result = dev.preview()
    assert result.status == 0
    assert "but its warnings could not be read: AWS refused DescribeEvents: AccessDenied: not you" in result.out


def test_nothing_to_change_is_no_failure(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.status, dev.cloudformation.reason = "FAILED", NO_CHANGES
    result = dev.preview()
    assert result.status == 0
    assert "unchanged  all resources of the stack\n" in result.out
    assert "validated  by CloudFormation, without warnings\n" in result.out


def test_request_that_cloudformation_refuses_ends_with_its_text(dev: Dev) -> None:
    dev.stubs["CreateChangeSet"] = refusal("ValidationError", "Template format error", "CreateChangeSet")
    result = dev.preview()
    assert result.status == 2
    message = "AWS refused CreateChangeSet: ValidationError: Template format error"
    assert f"refused    by CloudFormation (REFUSED: {message})\n" in result.out


def test_change_set_that_another_preview_deleted_ends_with_an_error(dev: Dev) -> None:
    dev.cloudformation.after_creation = dev.cloudformation.change_sets.clear
    dev.stubs["CreateChangeSet"] = {"Id": "arn:x", "StackId": PREVIEW_STACK}
    result = dev.preview()
    assert result.status == 2
    assert f"the change set {CHANGE_SET} of {PREVIEW_STACK} was deleted meanwhile" in result.err


def test_checks_are_listed(dev: Dev) -> None:
    dev.sls.add("Vpc", "AWS::EC2::VPC")
    for name in "ab":
        dev.sls.add(f"Subnet{name.upper()}", "AWS::EC2::Subnet", AvailabilityZone=f"us-east-1{name}")
    dev.sls.add_cluster()
    dev.stubs["GetAccountSettings"] = {"AccountLimit": {"UnreservedConcurrentExecutions": 1_000}}

    result = dev.preview("--json")

    assert result.status == 0
    assert result.json["checked"] == [
        "the account's plan",
        "the concurrency of functions",
        "the number of networks",
        "the network's zones",
        "the names of other stages",
        "what an earlier deploy left outside the stack",
        "the stack's cluster",
        "clusters that an earlier stack left",
    ]


def test_refusals_are_listed_with_a_remedy_unless_forced(dev: Dev) -> None:
    lower_quota(dev)
    overlap_names()

    refused, forced = dev.preview(), dev.preview("--force")

    assert (refused.status, forced.status) == (2, 0)
    assert "refused    the account may run 10 functions at once" in refused.out
    assert "refused    the names of stage dev and stage dev-eu overlap" in refused.out
    assert '\nremedy     make deploy STAGE=dev ARGS="--param reservedConcurrency=none"\n' in refused.out
    assert "validated  by CloudFormation" in refused.out
    assert "forced     the account may run 10 functions at once" in forced.out
    assert "forced     the names of stage dev and stage dev-eu overlap" in forced.out
    assert "remedy" not in forced.out


def lower_quota(dev: Dev) -> None:
    """Add a function that reserves concurrency, which the account does not have."""
    concurrency = {"FunctionName": f"{STACK}-batidaPonto", "ReservedConcurrentExecutions": 5}
    dev.sls.add("Drain", "AWS::Lambda::Function", Code={"S3Key": "new/batida-ponto.zip"}, **concurrency)
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    dev.stubs["GetAccountSettings"] = {"AccountLimit": limit}


def overlap_names() -> None:
    role = f"{STACK}-eu-ApiRole-A1B2C3"
    boto3.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")


def leave_network(dev: Dev) -> None:
    vpc = {"ResourceARN": "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1", "Tags": []}
    dev.stubs |= {"GetResources": {"ResourceTagMappingList": [vpc]}, "ListStackResources": NO_STACK}
    dev.stubs["DescribeTags"] = {"Tags": [{"ResourceId": "vpc-1"}]}
    dev.sls.add("Vpc", "AWS::EC2::VPC")


def leave_cluster(dev: Dev) -> None:
    credentials = {"MasterUsername": "ponto", "MasterUserPassword": "x" * 8}
    name = f"{STACK}-databasecluster-a1b2c3"
    boto3.client("rds").create_db_cluster(DBClusterIdentifier=name, Engine="aurora-postgresql", **credentials)
    dev.sls.add_cluster()


def test_deploy_and_preview_report_all_refusals_at_once(dev: Dev) -> None:
    lower_quota(dev)
    overlap_names()
    leave_network(dev)
    leave_cluster(dev)

    deploy, preview = dev.run(), dev.preview("--json")

    assert (deploy.status, preview.status) == (2, 2)
    refusals = preview.json["refusals"]
    assert [" ".join(refusal.split()[:3]) for refusal in refusals] == [
        "the account may",
        "the names of",
        "this deploy would",
        f"the cluster {STACK}-databasecluster-a1b2c3",
    ]
    *_, message = deploy.err.partition("\nponto: ")
    printed = "\n".join(line.strip() for line in message.splitlines())
    remedy = f"Deploy with what the account allows:\n{preview.json['remedy']}"
    assert printed == "\n\n".join([*refusals, remedy, "Nothing was deployed."])
    assert dev.sls.commands == ["package", "package"]


def test_stage_of_an_older_version_is_refused_before_it_is_compiled(dev: Dev) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "Database"}
    dev.cloudformation.add_stack(STACK, template=dev.sls.template, **outputs)
    for options in ([], ["--preview"]):
        result = dev.run(*options)
        assert result.status == 2
        assert f"ponto: {STACK} was deployed by a version before 1.0, and cannot be updated" in result.err
    assert dev.sls.commands == []


def test_check_without_permission_is_listed_as_unchecked(dev: Dev) -> None:
    dev.stubs["GetAccountSettings"] = refusal("AccessDenied", "not you", "GetAccountSettings")
    dev.sls.add("Drain", "AWS::Lambda::Function", Code={"S3Key": "new/batida-ponto.zip"}, FunctionName="x")
    assert "unchecked  the concurrency of functions (AWS refused GetAccountSettings" in dev.preview().out


def test_cluster_that_cannot_be_looked_up_is_listed_as_unchecked(dev: Dev) -> None:
    dev.stubs["DescribeStackResource"] = refusal("AccessDenied", "not you", "DescribeStackResource")
    dev.sls.add_cluster()
    line = "unchecked  the stack's cluster (AWS refused DescribeStackResource: AccessDenied: not you)\n"
    assert line in dev.preview().out


def add_express_cluster(dev: Dev) -> None:
    capacity = {"MinCapacity": 0, "MaxCapacity": 4}
    settings = {"LeaveDatabase": False, "ServerlessV2ScalingConfiguration": capacity, "BackupRetentionPeriod": 1}
    dev.sls.template["Metadata"] = {"ExpressCluster": settings}


def add_cluster(dev: Dev) -> None:
    dev.sls.add_cluster()


@pytest.mark.parametrize(
    ("add", "subject"),
    [(add_cluster, "clusters that an earlier stack left"), (add_express_cluster, "the express cluster")],
)
def test_check_that_aws_refuses_is_a_refusal(dev: Dev, add: Callable[[Dev], None], subject: str) -> None:
    dev.stubs["DescribeDBClusters"] = refusal("AccessDenied", "not you", "DescribeDBClusters")
    add(dev)

    deploy, preview = dev.run("--force"), dev.preview("--force")

    assert (deploy.status, preview.status) == (2, 2)
    message = f"{subject}: AWS refused DescribeDBClusters: AccessDenied: not you\n"
    assert f"ponto: {message}" in deploy.err
    assert f"refused    {message}" in preview.out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ([], "idle month 7.96 US dollars, by list prices of us-east-1, without slices: "),
        (["--param", "alarms=all"], "idle month 9.66 US dollars"),
        (["--region", "mx-central-1"], "by list prices of us-east-1"),  # prices.json does not have this region
        (["--stage", "unlisted"], "idle month "),
    ],
)
def test_idle_bill_follows_from_the_parameters(dev: Dev, options: list[str], line: str) -> None:
    assert line in dev.preview(*options).out


def test_unknown_price_is_not_shown_as_nothing(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = {name: price for name, price in PRICES["us-east-1"].items() if name != "vpc_endpoint"}
    monkeypatch.setitem(PRICES, "us-east-1", prices)

    result, document = dev.preview(), dev.preview("--json").json

    assert "idle month 0.66 US dollars, and 1 line without a price, by" in result.out
    assert "Network: endpoints ?," in result.out
    assert document["idleMonth"]["linesWithoutPrice"] == 1


def test_express_cluster_is_shown_as_created_outside_the_stack(dev: Dev) -> None:
    add_express_cluster(dev)
    result = dev.preview("--param", "database=express")
    assert result.status == 0, result.err
    line = f"outside    the stack: the cluster {STACK}, with one instance of 0 to 4 ACU, is created\n"
    assert line in result.out


def test_result_as_json(dev: Dev) -> None:
    dev.deploy()
    dev.cloudformation.add_change("Modify", "Queue", "AWS::SQS::Queue", "QueueName", Replacement="True")
    dev.cloudformation.events = [validation_event("WARN", "nearly full")]

    result = dev.preview("--json")

    document = result.json
    assert document.items() >= {"stage": "dev", "account": "123456789012", "stack": STACK, "isNew": False}.items()
    assert document["replaced"] == [
        {
            "logicalId": "Queue",
            "type": "AWS::SQS::Queue",
            "isCertain": True,
            "properties": ["QueueName"],
            "data": "it may have punches that are not stored yet, or dead letters",
        }
    ]
    assert (document["added"], document["changed"], document["deleted"]) == ([], [], [])
    assert document["validation"] == {
        "isAccepted": True,
        "status": "CREATE_COMPLETE",
        "reason": "",
        "errors": [],
        "warnings": ["warning: Log (AWS::Logs::LogGroup), /Resources/Log/Properties: nearly full"],
        "unread": None,
    }
    assert document["idleMonth"]["dollars"] == 7.96


def test_request_has_the_parameters_that_osls_sends(dev: Dev) -> None:
    dev.preview()
    (request,) = dev.cloudformation.requests
    provider = "{ getStage: () => 'dev', naming: { getStackName: () => 'x' }, getCustomDeploymentRole: () => null }"
    service = "{ service: { provider: { stackTags: { service: 'batida-ponto', stage: 'dev' } } } }"
    module = "require('osls/lib/plugins/aws/lib/get-shared-stack-action-params.js')"
    script = (
        f"Object.assign({{ provider: {provider}, serverless: {service} }}, {module}).getSharedStackActionParams({{}})"
    )
    command = ["node", "-p", f"JSON.stringify({script})"]
    path = osls.search_path(dev.sls.environments[0])
    printed = subprocess.run(command, cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True).stdout
    of_osls = json.loads(printed)
    assert {tag["Key"] for tag in of_osls.pop("Tags")} == {"service", "stage"}  # as in the compiled configuration
    del of_osls["StackName"]
    assert request.items() >= of_osls.items()
    assert request["Tags"] == [{"Key": "service", "Value": "batida-ponto"}]


def test_failed_compilation_stops_the_preview(dev: Dev) -> None:
    dev.sls.package_status = 1
    result = dev.preview()
    assert result.status == 2
    assert "ponto: sls package failed, see its output above; a deploy would fail, too" in result.err
    assert dev.cloudformation.requests == []
