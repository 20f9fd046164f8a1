"""`database: express`: a cluster that `ponto deploy` and `ponto remove` make and delete, though they are killed."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.aws import Calls, refusal
from tests.clock import FakeClock
from tests.commands import CommandResult, FakeSls, runner
from tests.events import aws
from tests.rds_api import Rds, mock_rds
from tools.kit.collaborators import Collaborators
from tools.kit.deploy_hook import DeployHook, DeployResult, SecondUpdate

NAME = "batida-ponto-dev"
WRITER = f"{NAME}-instance-1"
OWN = {"service": "batida-ponto", "stage": "dev"}
CAPACITY = "ServerlessV2ScalingConfiguration"
DESCRIBED = {
    "MasterUsername": "ponto",
    CAPACITY: {"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
    "DeletionProtection": True,
    "BackupRetentionPeriod": 7,
    "Tags": OWN,
    "WhenDeleted": "Delete",
    "Parameters": {"log_min_error_statement": "panic", "log_statement": "ddl"},
    "LeaveDatabase": False,
}
"""The cluster in a template."""


class Killed(BaseException):
    """The process is no more."""


class Dev:
    """The stage `dev` of an account that has nothing yet, and an RDS of its own; osls makes nothing."""

    def __init__(self, rds: Rds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.rds = rds
        self.calls = Calls(monkeypatch)
        self.calls.stubs["GetAccountPlanState"] = {"accountPlanType": "PAID"}
        self.described: dict[str, Any] | None = DESCRIBED  # None: the stack makes the cluster
        self.fake_sls = FakeSls()
        self.clock = FakeClock()
        self.hooks: list[DeployHook] = []
        self._capsys = capsys
        self._collaborators = Collaborators(self.clock, self.fake_sls, lambda: self.hooks)

    @property
    def sls(self) -> list[str]:
        """The commands that osls ran, with their parameters."""
        ran = self.fake_sls.invocations
        return [" ".join((name, *(each for each in options if each.startswith("--param")))) for name, options in ran]

    def deploy(self, *words: str) -> CommandResult:
        """Deploy; the stack that osls does not make is missed afterwards, with status 1."""
        self.fake_sls.invocations.clear()
        self.fake_sls.template["Metadata"] = {"ExpressCluster": self.described} if self.described else {}
        if not self.described:
            self.fake_sls.add_cluster()
        return runner(self._capsys, "deploy", "--stage", "dev", *words, collaborators=self._collaborators)()

    def make(self) -> None:
        """Create all of the cluster, and no stack."""
        self.rds.polls_per_state = 0
        self.deploy()
        self.rds.polls_per_state = 1
        self.rds.operations.clear()

    def remove(self) -> CommandResult:
        self.fake_sls.invocations.clear()
        return runner(self._capsys, "remove", "--stage", "dev", "--yes", collaborators=self._collaborators)()

    def cluster(self) -> Any:
        """Describe it; None: there is none."""
        found = boto3.client("rds").describe_db_clusters()["DBClusters"]
        return next((each for each in found if each["DBClusterIdentifier"] == NAME), None)

    def groups(self) -> list[str]:
        """Return the names of the parameter groups that somebody made."""
        found = boto3.client("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
        return [each["DBClusterParameterGroupName"] for each in found]

    def kill_after(self, operation: str, *, times: int) -> None:
        """End the process right after it has called an operation for so many times; its next one lives."""
        left = times

        def call(real: Callable[[], Any], _: Any) -> Any:
            nonlocal left
            made, left = real(), left - 1
            if left == 0:
                raise Killed
            return made

        self.calls.stubs[operation] = call

    def stack(self, database: str) -> None:
        """Create a stack, which `sls remove` deletes."""
        outputs = {
            "PunchQueueUrl": "https://a",
            "DeadLetterQueueUrl": "https://b",
            "ApiId": "abc",
            "Database": database,
        }
        template = {
            "Resources": {"PunchQueue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        formation = boto3.client("cloudformation")
        formation.create_stack(StackName=NAME, TemplateBody=json.dumps(template))
        self.fake_sls.while_running = lambda: formation.delete_stack(StackName=NAME)


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws(), mock_rds() as rds:
        yield Dev(rds, monkeypatch, capsys)


def is_complete(dev: Dev) -> bool:
    """Return whether the cluster is all that is wanted."""
    found, wanted = dev.cluster(), dev.described
    assert wanted
    (member,) = found["DBClusterMembers"]
    pages = boto3.client("rds").get_paginator("describe_db_cluster_parameters")
    settings = {
        each["ParameterName"]: each["ParameterValue"]
        for page in pages.paginate(DBClusterParameterGroupName=NAME, Source="user")
        for each in page["Parameters"]
    }
    (writer,) = boto3.client("rds").describe_db_instances()["DBInstances"]
    return bool(
        not writer["AutoMinorVersionUpgrade"]
        and found["Status"] == "available"
        and all(found[key] == wanted[key] for key in ("DeletionProtection", "BackupRetentionPeriod", CAPACITY))
        and found["DBClusterParameterGroup"] == NAME
        and member["DBClusterParameterGroupStatus"] == "in-sync"
        and settings == wanted["Parameters"]
        and {each["Key"]: each["Value"] for each in found["TagList"]} == OWN | {"whenDeleted": wanted["WhenDeleted"]}
    )


def test_a_cluster_is_made_with_nothing_that_aws_refuses_and_all_of_it_is_there_before_the_stack(dev: Dev) -> None:
    seen = []
    dev.fake_sls.while_running = lambda: seen.append(is_complete(dev))

    said = dev.deploy("--param", "database=express").err

    assert seen == [True]
    assert dev.sls == ["package --param=database=express", "deploy --param=database=express"]
    (asked,) = dev.calls.by_operation("CreateDBCluster")
    assert asked.parameters == {
        "DBClusterIdentifier": NAME,
        "Engine": "aurora-postgresql",
        "WithExpressConfiguration": True,
        "MasterUsername": "ponto",
        CAPACITY: DESCRIBED[CAPACITY],
        "Tags": [{"Key": key, "Value": value} for key, value in {**OWN, "whenDeleted": "Delete"}.items()],
    }
    (group,) = dev.calls.by_operation("CreateDBClusterParameterGroup")
    assert group.parameters["DBParameterGroupFamily"] == "aurora-postgresql17"  # of the version that AWS chose
    assert said.index("its writer creating") < said.index("changing its protection from deletion (on)")
    assert {*dev.rds.changes} == {operation for operation, _ in MAKING if not operation.startswith("Describe")}
    assert dev.rds.changes.count("ModifyDBCluster") == 3


def test_the_writer_is_waited_for_too(dev: Dev) -> None:
    dev.described = DESCRIBED | {"DeletionProtection": False, "BackupRetentionPeriod": 1}  # as AWS makes it
    dev.rds.errors["CreateDBClusterParameterGroup"] = ("Denied", "no")
    dev.rds.polls_per_state = 5
    seen = []

    def look() -> None:
        (writer,) = boto3.client("rds").describe_db_instances()["DBInstances"]
        seen.append((writer["DBInstanceIdentifier"], writer["DBInstanceStatus"]))

    dev.fake_sls.while_running = look
    dev.deploy()
    assert seen == [(WRITER, "available")]


def test_what_aws_may_refuse_is_made_by_a_second_update_of_a_new_stage(dev: Dev) -> None:
    gate = SecondUpdate("Gate", "gate=false", "AWS refuses gates to some accounts")
    dev.hooks = [DeployHook(lambda _: DeployResult("gate", None), gate)]
    dev.fake_sls.add("Gate", "AWS::Gate")
    assert "AWS refuses gates to some accounts" in dev.deploy().err
    assert dev.sls == ["package", "deploy --param=gate=false", "deploy"]

    dev.stack("express")
    dev.deploy("--param", "database=express")
    assert dev.sls == ["package --param=database=express", "deploy --param=database=express"]


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        (
            {CAPACITY: {"MinCapacity": 0, "MaxCapacity": 8, "SecondsUntilAutoPause": 600}},
            ["ModifyDBCluster"],
        ),
        ({"DeletionProtection": False}, ["ModifyDBCluster"]),
        ({"BackupRetentionPeriod": 1}, ["ModifyDBCluster"]),
        ({"WhenDeleted": "Retain"}, ["AddTagsToResource"]),
        (
            {"Parameters": {"log_min_error_statement": "panic", "log_statement": "none"}},
            ["ModifyDBClusterParameterGroup"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_parameter_changes_that_alone(dev: Dev, wanted: dict[str, Any], changed: list[str]) -> None:
    dev.make()
    dev.described = DESCRIBED | wanted
    dev.deploy()
    assert dev.rds.changes == changed
    assert is_complete(dev)


MAKING = [
    ("CreateDBCluster", 1),
    ("DescribeDBInstances", 2),
    ("ModifyDBCluster", 1),
    ("ModifyDBCluster", 2),
    ("ModifyDBInstance", 1),
    ("CreateDBClusterParameterGroup", 1),
    ("ModifyDBClusterParameterGroup", 1),
    ("ModifyDBCluster", 3),
    ("RebootDBInstance", 1),
]


@pytest.mark.parametrize(("operation", "times"), MAKING)
def test_a_deploy_that_was_killed_is_gone_on_with(dev: Dev, operation: str, times: int) -> None:
    dev.kill_after(operation, times=times)
    with pytest.raises(Killed):
        dev.deploy()
    assert dev.sls == ["package"]

    dev.calls.stubs.pop(operation)
    dev.deploy()

    assert dev.sls == ["package", "deploy"]
    assert is_complete(dev)
    assert dev.rds.operations.count("CreateDBCluster") == 1


def test_a_throttle_is_waited_for(dev: Dev) -> None:
    throttled = ("DescribeDBClusters", "CreateDBCluster", "ModifyDBCluster")
    dev.rds.throttle_counts |= dict.fromkeys(throttled, 1)
    dev.deploy()
    assert not any(dev.rds.throttle_counts.values())
    assert is_complete(dev)


def test_a_name_that_another_deploy_took_meanwhile_is_this_stages_too(dev: Dev) -> None:
    def twice(real: Callable[[], Any], _: Any) -> Any:
        real()
        return real()

    dev.calls.stubs["CreateDBCluster"] = twice
    dev.deploy()
    assert is_complete(dev)


@pytest.mark.parametrize(
    "other",
    [
        {"WithExpressConfiguration": True, "Tags": [{"Key": "service", "Value": "batida-ponto"}]},
        {
            "WithExpressConfiguration": True,
            "Tags": [{"Key": "service", "Value": "a"}, {"Key": "stage", "Value": "dev"}],
        },
        {"MasterUserPassword": "x" * 8, "Tags": [{"Key": key, "Value": value} for key, value in OWN.items()]},
    ],
    ids=["no stage", "another service", "not express"],
)
def test_a_cluster_of_somebody_else_that_has_the_name_is_neither_changed_nor_removed(
    dev: Dev, other: dict[str, Any]
) -> None:
    boto3.client("rds").create_db_cluster(
        DBClusterIdentifier=NAME, Engine="aurora-postgresql", MasterUsername="ponto", **other
    )
    dev.rds.operations.clear()

    result = dev.deploy()
    assert (result.status, dev.sls, dev.rds.changes) == (2, ["package"], [])
    assert f"the cluster {NAME} does not belong to this stage" in result.err

    removed = dev.remove()
    assert (removed.status, dev.rds.changes) == (2, [])
    assert f"there is no stack {NAME} in us-east-1" in removed.err


def test_what_aws_has_against_the_cluster_is_said_in_its_words_and_nothing_is_deployed(dev: Dev) -> None:
    said = "To use Aurora clusters with free plan accounts you need to set ..."
    dev.rds.errors["CreateDBCluster"] = ("FreeTierRestrictionError", said)
    result = dev.deploy()
    assert (result.status, dev.sls) == (2, ["package"])
    assert f"ponto: AWS refused CreateDBCluster: FreeTierRestrictionError: {said}\n" in result.err


GROUP = "the parameter group that keeps punches out of its log"


@pytest.mark.parametrize(
    ("operation", "undone"),
    [
        ("ModifyDBCluster", ["its protection from deletion (on)", "its backups (of 7 days)", GROUP]),
        ("CreateDBClusterParameterGroup", [GROUP]),
        ("ModifyDBInstance", ["its automatic minor version upgrades (off)"]),
        ("RebootDBInstance", [GROUP]),
    ],
)
def test_what_aws_refuses_to_change_is_said_and_the_stage_is_deployed(
    dev: Dev, operation: str, undone: list[str]
) -> None:
    dev.rds.errors[operation] = ("Denied", "no")
    said = dev.deploy().err
    assert re.findall(rf"not changed: (.*): AWS refused {operation}: Denied: no\n", said) == undone
    assert dev.sls == ["package", "deploy"]


def test_a_change_that_aws_takes_and_does_not_make_is_not_waited_for_without_end(dev: Dev) -> None:
    dev.rds.ignored_parameters = {"BackupRetentionPeriod"}
    said = dev.deploy().err
    assert "not changed: its backups (of 7 days): AWS accepted the change, but has not made it: after 300 s" in said
    assert re.search(r"  the change is not done yet, \d+ s so far\n", said)
    assert dev.sls == ["package", "deploy"]


def test_a_cluster_that_does_not_become_available_stops_the_deploy(dev: Dev) -> None:
    dev.rds.polls_per_state = 1_000_000
    result = dev.deploy()
    assert (result.status, dev.sls) == (2, ["package"])
    assert f"the cluster {NAME} did not become available: after 900 s the cluster is creating" in result.err
    assert 900 < dev.clock.monotonic() <= 910


def test_a_cluster_that_is_being_deleted_stops_the_deploy(dev: Dev) -> None:
    dev.described = DESCRIBED | {"DeletionProtection": False}
    dev.make()
    rds = boto3.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=WRITER)
    rds.delete_db_cluster(DBClusterIdentifier=NAME, SkipFinalSnapshot=True)
    result = dev.deploy()
    assert (result.status, dev.sls) == (2, ["package"])
    assert f"the cluster {NAME} is deleting. Nothing was deployed. Deploy again once it is deleted." in result.err


def test_a_parameter_group_that_somebody_gave_the_cluster_stays(dev: Dev) -> None:
    dev.make()
    rds = boto3.client("rds")
    own = {"DBClusterParameterGroupName": "ours", "DBParameterGroupFamily": "aurora-postgresql17", "Description": "x"}
    rds.create_db_cluster_parameter_group(**own)
    rds.modify_db_cluster(DBClusterIdentifier=NAME, DBClusterParameterGroupName="ours")
    dev.rds.finish_changes()
    dev.rds.operations.clear()
    said = dev.deploy().err
    assert "unchanged: the parameter group ours, which was set outside this command" in said
    assert dev.rds.changes == []


def test_a_deployed_stage_stays_express_without_being_told_and_no_other_becomes_it(dev: Dev) -> None:
    dev.stack("express")
    said = dev.deploy().err
    assert dev.sls == ["package --param=database=express", "deploy --param=database=express"]
    assert "database: express, as in the last deploy" in said

    dev.stack("create")
    dev.rds.operations.clear()
    result = dev.deploy("--param", "database=express")
    assert (result.status, dev.sls, dev.rds.operations) == (2, ["package --param=database=express"], [])
    assert f"the punches of {NAME} are in the database of 'create', and 'express' is another" in result.err

    dev.described = DESCRIBED | {"LeaveDatabase": True}
    dev.deploy("--param", "database=express", "--param", "leaveDatabase=true")
    assert [command.split()[0] for command in dev.sls] == ["package", "deploy"]


def test_a_stage_from_before_the_first_version_gets_no_cluster_beside_its_database(dev: Dev) -> None:
    outputs = {name: {"Value": "https://a"} for name in ("PunchQueueUrl", "DeadLetterQueueUrl", "ApiId")}
    template = {"Resources": {"PunchQueue": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    boto3.client("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(template))
    for leaves in (False, True):
        dev.described = DESCRIBED | {"LeaveDatabase": leaves}
        result = dev.deploy()
        assert (result.status, dev.sls, dev.rds.changes) == (2, [], [])
        assert f"{NAME} was deployed by a version before 1.0, and cannot be updated: deploy another" in result.err


def test_a_stage_that_makes_its_cluster_in_the_stack_is_not_deployed_beside_an_express_one(dev: Dev) -> None:
    dev.make()
    dev.described = None
    result = dev.deploy()
    assert (result.status, dev.sls) == (2, ["package"])
    assert f"the cluster {NAME} belongs to this stage, but not to its stack" in result.err
    assert "continue with it with --param database=express (docs/deploy.md#a-first-deploy-that-fails)" in result.err

    dev.stack("express")  # which osls does not leave, unless it is told to
    dev.deploy("--param", "database=create")
    assert dev.sls == ["package --param=database=create", "deploy --param=database=create"]


def test_a_stage_that_cannot_name_a_cluster_is_refused(dev: Dev) -> None:
    for stage in ("Dev", "a--b", "x" * 40):
        result = dev.deploy("--stage", stage)
        assert (result.status, dev.sls, dev.rds.operations) == (2, ["package"], [])
        assert f"--stage {stage}: its cluster would be named batida-ponto-{stage}, but RDS allows" in result.err


def unprotected(dev: Dev) -> None:
    dev.described = DESCRIBED | {"DeletionProtection": False}
    dev.make()


def test_a_removal_deletes_the_stack_and_then_instances_cluster_and_parameter_group(dev: Dev) -> None:
    unprotected(dev)
    dev.stack("express")
    reader = {"DBInstanceIdentifier": f"{NAME}-reader", "DBClusterIdentifier": NAME, "Engine": "aurora-postgresql"}
    boto3.client("rds").create_db_instance(DBInstanceClass="db.serverless", **reader)  # which somebody added
    dev.rds.operations.clear()
    before = list[str]()

    def delete_stack(real: Callable[[], Any], _: Any) -> Any:
        before.append(dev.cluster()["Status"])
        return real()

    dev.calls.stubs["DeleteStack"] = delete_stack

    result = dev.remove()

    assert (result.status, dev.sls, before) == (0, ["remove"], ["available"])
    deletions = ["DeleteDBInstance", "DeleteDBInstance", "DeleteDBCluster", "DeleteDBClusterParameterGroup"]
    assert dev.rds.changes == deletions
    assert (dev.cluster(), dev.groups()) == (None, [])
    (asked,) = dev.calls.by_operation("DeleteDBCluster")
    assert asked.parameters == {"DBClusterIdentifier": NAME, "SkipFinalSnapshot": True}
    again = dev.remove()
    assert (again.status, dev.sls) == (2, [])
    assert f"there is no stack {NAME} in us-east-1" in again.err


REMOVING = ["DeleteStack", "DeleteDBInstance", "DeleteDBCluster", "DeleteDBClusterParameterGroup"]


@pytest.mark.parametrize("operation", REMOVING)
def test_a_removal_that_was_killed_is_gone_on_with(dev: Dev, operation: str) -> None:
    unprotected(dev)
    dev.stack("express")
    dev.kill_after(operation, times=1)
    with pytest.raises(Killed):
        dev.remove()
    dev.calls.stubs.pop(operation)
    is_done = operation == REMOVING[-1]

    result = dev.remove()

    assert (result.status, dev.sls) == (2 if is_done else 0, [])
    assert (dev.cluster(), dev.groups()) == (None, [])


def test_a_removal_waits_for_a_cluster_that_is_still_being_made(dev: Dev) -> None:
    dev.described = DESCRIBED | {"DeletionProtection": False}
    dev.kill_after("CreateDBCluster", times=1)
    with pytest.raises(Killed):
        dev.deploy()
    assert dev.remove().status == 0
    assert dev.cluster() is None


def test_a_cluster_that_is_kept_stays_with_its_parameter_group_and_the_next_deploy_goes_on_with_it(dev: Dev) -> None:
    dev.described = DESCRIBED | {"WhenDeleted": "Retain"}
    dev.make()
    dev.stack("express")
    result = dev.remove()
    assert (result.status, dev.sls, dev.rds.changes) == (0, ["remove"], [])
    assert f"kept the cluster {NAME} (whenDeleted: Retain)" in result.err
    dev.deploy()
    assert dev.rds.changes == []
    assert is_complete(dev)


def test_a_cluster_that_is_protected_is_left_alone_with_its_stack(dev: Dev) -> None:
    dev.make()
    dev.stack("express")
    result = dev.remove()
    assert (result.status, dev.sls, dev.rds.changes) == (2, [], [])
    assert f"the cluster {NAME} is protected from deletion. If you want to remove it, deploy" in result.err


def test_a_removal_that_aws_refuses_is_not_all_of_it(dev: Dev) -> None:
    unprotected(dev)
    dev.stack("express")
    dev.rds.errors["DeleteDBCluster"] = ("AccessDenied", "not you")
    result = dev.remove()
    assert (result.status, result.out) == (1, "")
    assert "AWS refused DeleteDBCluster: AccessDenied: not you\n  Fix the cause, and run this again" in result.err


@pytest.mark.parametrize("database", ["create", "existing"])
def test_a_stage_of_another_database_is_removed_without_asking_rds(dev: Dev, database: str) -> None:
    dev.stack(database)
    dev.calls.stubs["DescribeDBClusters"] = refusal("AccessDenied")
    assert dev.remove().status == 0
    assert dev.rds.operations == []


def test_the_question_says_that_the_punches_go(dev: Dev, capsys: pytest.CaptureFixture[str]) -> None:
    unprotected(dev)
    asked = runner(capsys, "remove", "--stage", "dev")(typed="prod\n")
    assert (asked.status, dev.rds.changes) == (2, [])
    assert f"This removes stage dev, the cluster {NAME} with all punches. Type dev to remove it" in asked.err
