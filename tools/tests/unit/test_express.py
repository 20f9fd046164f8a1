"""`database: express`: the cluster that `ponto deploy` creates and `ponto remove` deletes, even after a killed run."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.aws import ROLE_EXISTS, Calls, refusal
from tests.clock import FakeClock
from tests.commands import CommandResult, runner
from tests.events import aws
from tools.kit.collaborators import Collaborators
from tools.kit.deploy_hook import DeployHook
from tools.tests.rds_api import Rds, mock_rds
from tools.tests.sls import FakeSls

NAME = "batida-ponto-dev"
TAGS = {"service": "batida-ponto", "stage": "dev"}
CAPACITY = "ServerlessV2ScalingConfiguration"
DESCRIBED = {
    "MasterUsername": "ponto",
    CAPACITY: {"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
    "DeletionProtection": True,
    "BackupRetentionPeriod": 7,
    "Tags": TAGS,
    "WhenDeleted": "Delete",
    "Parameters": {"log_min_error_statement": "panic", "log_statement": "ddl"},
    "LeaveDatabase": False,
}
"""Description of the cluster in the template's metadata."""


class ProcessKilledError(BaseException):
    """The process was killed."""


class Dev:
    """The stage `dev` of an empty account with the fake RDS; `sls` is a fake that deploys nothing."""

    def __init__(self, rds: Rds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.rds = rds
        self.calls = Calls(monkeypatch)
        self.calls.stubs |= {"GetAccountPlanState": {"accountPlanType": "PAID"}, "CreateServiceLinkedRole": ROLE_EXISTS}
        self.described: dict[str, Any] | None = DESCRIBED  # None: the stack creates the cluster
        self.fake_sls = FakeSls()
        self.clock = FakeClock()
        self.hooks: list[DeployHook] = []
        self.capsys = capsys
        self.collaborators = Collaborators(self.clock, self.fake_sls, lambda: self.hooks)

    @property
    def sls(self) -> list[str]:
        """The commands of `sls` that ran, with their parameters."""
        return [
            " ".join((command, *(option for option in options if option.startswith("--param"))))
            for command, options in self.fake_sls.invocations
        ]

    def deploy(self, *words: str) -> CommandResult:
        """Run `ponto deploy`. Its status is 2 even on success, because it misses the stack."""
        self.fake_sls.invocations.clear()
        self.fake_sls.template["Metadata"] = {"ExpressCluster": self.described} if self.described else {}
        if not self.described:
            self.fake_sls.add_cluster()
        return runner(self.capsys, "deploy", "--stage", "dev", *words, collaborators=self.collaborators)()

    def create(self) -> None:
        """Create the complete cluster, without a stack."""
        self.rds.polls_per_state = 0
        self.deploy()
        self.rds.polls_per_state = 1
        self.rds.operations.clear()

    def remove(self) -> CommandResult:
        self.fake_sls.invocations.clear()
        return runner(self.capsys, "remove", "--stage", "dev", "--yes", collaborators=self.collaborators)()

    def cluster(self) -> Any:
        """Return the description of the stage's cluster; None if it does not exist."""
        clusters = boto3.client("rds").describe_db_clusters()["DBClusters"]
        return next((cluster for cluster in clusters if cluster["DBClusterIdentifier"] == NAME), None)

    def groups(self) -> list[str]:
        """Return the names of the account's parameter groups."""
        groups = boto3.client("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
        return [group["DBClusterParameterGroupName"] for group in groups]

    def kill_after(self, operation: str, *, times: int) -> None:
        """Kill the process after its call number `times` of an operation; a later process is not killed."""
        remaining = times

        def call(real: Callable[[], Any], _: Any) -> Any:
            nonlocal remaining
            response, remaining = real(), remaining - 1
            if remaining == 0:
                raise ProcessKilledError
            return response

        self.calls.stubs[operation] = call

    def stack(self, database: str) -> None:
        """Create a stack, which `sls remove` deletes."""
        outputs = {
            "QueueUrl": "https://a",
            "DeadLetterQueueUrl": "https://b",
            "ApiId": "abc",
            "Database": database,
        }
        template = {
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps(template))
        self.fake_sls.while_running = lambda: cloudformation.delete_stack(StackName=NAME)


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws(), mock_rds() as rds:
        yield Dev(rds, monkeypatch, capsys)


def is_complete(dev: Dev) -> bool:
    """Return whether the cluster is as described in the template."""
    cluster, expected = dev.cluster(), dev.described
    assert expected
    (member,) = cluster["DBClusterMembers"]
    pages = boto3.client("rds").get_paginator("describe_db_cluster_parameters")
    settings = {
        parameter["ParameterName"]: parameter["ParameterValue"]
        for page in pages.paginate(DBClusterParameterGroupName=NAME, Source="user")
        for parameter in page["Parameters"]
    }
    (writer,) = boto3.client("rds").describe_db_instances()["DBInstances"]
    return bool(
        not writer["AutoMinorVersionUpgrade"]
        and cluster["Status"] == "available"
        and all(cluster[key] == expected[key] for key in ("DeletionProtection", "BackupRetentionPeriod", CAPACITY))
        and cluster["DBClusterParameterGroup"] == NAME
        and member["DBClusterParameterGroupStatus"] == "in-sync"
        and settings == expected["Parameters"]
        and {tag["Key"]: tag["Value"] for tag in cluster["TagList"]} == TAGS | {"whenDeleted": expected["WhenDeleted"]}
    )


def test_complete_cluster_is_created_before_the_stack(dev: Dev) -> None:
    seen = []
    dev.fake_sls.while_running = lambda: seen.append(is_complete(dev))

    dev.deploy("--param", "database=express")

    assert seen == [True]
    assert dev.sls == ["package --param=database=express", "deploy --param=database=express"]
    (request,) = dev.calls.by_operation("CreateDBCluster")
    assert request.parameters == {
        "DBClusterIdentifier": NAME,
        "Engine": "aurora-postgresql",
        "WithExpressConfiguration": True,
        "MasterUsername": "ponto",
        CAPACITY: DESCRIBED[CAPACITY],
        "DeletionProtection": True,
        "BackupRetentionPeriod": 7,
        "Tags": [{"Key": key, "Value": value} for key, value in {**TAGS, "whenDeleted": "Delete"}.items()],
    }
    (group,) = dev.calls.by_operation("CreateDBClusterParameterGroup")
    assert group.parameters["DBParameterGroupFamily"] == "aurora-postgresql17"  # for the version that AWS chose
    assert dev.rds.changes == [operation for operation, _ in CREATION_CALLS if not operation.startswith("Describe")]


@pytest.mark.parametrize(
    ("setting", "code"),
    [("DeletionProtection", "InvalidParameterCombination"), ("BackupRetentionPeriod", "FreeTierRestrictionError")],
)
def test_settings_that_aws_refuses_at_creation_are_set_afterwards(dev: Dev, setting: str, code: str) -> None:
    def create(real: Callable[[], Any], parameters: Any) -> Any:
        if setting in parameters:
            raise refusal(code)
        return real()

    dev.calls.stubs["CreateDBCluster"] = create
    dev.deploy()
    assert dev.sls == ["package", "deploy"]
    assert is_complete(dev)


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
def test_changed_parameter_changes_nothing_else(dev: Dev, wanted: dict[str, Any], changed: list[str]) -> None:
    dev.create()
    dev.described = DESCRIBED | wanted
    dev.deploy()
    assert dev.rds.changes == changed
    assert is_complete(dev)


CREATION_CALLS = [
    ("CreateDBCluster", 1),
    ("DescribeDBInstances", 2),
    ("ModifyDBInstance", 1),
    ("CreateDBClusterParameterGroup", 1),
    ("ModifyDBClusterParameterGroup", 1),
    ("ModifyDBCluster", 1),
    ("RebootDBInstance", 1),
]


@pytest.mark.parametrize(("operation", "times"), CREATION_CALLS)
def test_killed_deploy_is_continued_by_the_next(dev: Dev, operation: str, times: int) -> None:
    dev.kill_after(operation, times=times)
    with pytest.raises(ProcessKilledError):
        dev.deploy()
    assert dev.sls == ["package"]

    dev.calls.stubs.pop(operation)
    dev.deploy()

    assert dev.sls == ["package", "deploy"]
    assert is_complete(dev)
    assert dev.rds.operations.count("CreateDBCluster") == 1


@pytest.mark.parametrize(
    "other",
    [
        {"WithExpressConfiguration": True, "Tags": [{"Key": "service", "Value": "batida-ponto"}]},
        {
            "WithExpressConfiguration": True,
            "Tags": [{"Key": "service", "Value": "a"}, {"Key": "stage", "Value": "dev"}],
        },
        {"MasterUserPassword": "x" * 8, "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()]},
    ],
    ids=["no stage", "another service", "not express"],
)
def test_cluster_of_another_owner_is_neither_changed_nor_removed(dev: Dev, other: dict[str, Any]) -> None:
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


GROUP = "the parameter group that keeps punches out of its log"


@pytest.mark.parametrize(
    ("operation", "undone"),
    [
        ("ModifyDBCluster", [GROUP]),
        ("CreateDBClusterParameterGroup", [GROUP]),
        ("ModifyDBInstance", ["its automatic minor version upgrades (off)"]),
        ("RebootDBInstance", [GROUP]),
    ],
)
def test_refused_change_is_reported_and_the_stage_is_deployed(dev: Dev, operation: str, undone: list[str]) -> None:
    dev.rds.errors[operation] = ("Denied", "no")
    output = dev.deploy().err
    assert re.findall(rf"not changed: (.*): AWS refused {operation}: Denied: no\n", output) == undone
    assert dev.sls == ["package", "deploy"]


def test_parameter_group_set_by_the_operator_is_kept(dev: Dev) -> None:
    dev.create()
    boto3.client("rds").modify_db_cluster(DBClusterIdentifier=NAME, DBClusterParameterGroupName="custom")
    dev.rds.operations.clear()
    dev.deploy()
    assert dev.rds.changes == []
    assert dev.cluster()["DBClusterParameterGroup"] == "custom"


def test_deployed_stage_keeps_its_kind_of_database(dev: Dev) -> None:
    dev.stack("express")
    output = dev.deploy().err
    assert dev.sls == ["package --param=database=express", "deploy --param=database=express"]
    assert "database: express, as in the last deploy" in output

    dev.stack("create")
    dev.rds.operations.clear()
    result = dev.deploy("--param", "database=express")
    assert (result.status, dev.sls, dev.rds.operations) == (2, ["package --param=database=express"], [])
    assert f"'express' would give {NAME} a different database, without the punches stored with 'create'" in result.err

    dev.described = DESCRIBED | {"LeaveDatabase": True}
    dev.deploy("--param", "database=express", "--param", "leaveDatabase=true")
    assert [command.split()[0] for command in dev.sls] == ["package", "deploy"]


def test_stage_of_an_older_version_gets_no_second_database(dev: Dev) -> None:
    outputs = {name: {"Value": "https://a"} for name in ("QueueUrl", "DeadLetterQueueUrl", "ApiId")}
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    boto3.client("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(template))
    for leaves in (False, True):
        dev.described = DESCRIBED | {"LeaveDatabase": leaves}
        result = dev.deploy()
        assert (result.status, dev.sls, dev.rds.changes) == (2, [], [])
        assert f"{NAME} was deployed by a version before 1.0, and cannot be updated: deploy another" in result.err


def test_stack_with_a_cluster_is_not_deployed_beside_an_express_cluster(dev: Dev) -> None:
    dev.create()
    dev.described = None
    result = dev.deploy()
    assert (result.status, dev.sls) == (2, ["package"])
    assert f"the cluster {NAME} belongs to this stage, but not to its stack" in result.err
    assert "continue with it with --param database=express (docs/deploy.md#a-first-deploy-that-fails)" in result.err

    dev.stack("express")  # the template creates a cluster in the stack, but the parameter decides
    dev.deploy("--param", "database=create")
    assert dev.sls == ["package --param=database=create", "deploy --param=database=create"]


def create_unprotected(dev: Dev) -> None:
    dev.described = DESCRIBED | {"DeletionProtection": False}
    dev.create()


def test_removal_deletes_stack_instances_cluster_and_parameter_group(dev: Dev) -> None:
    create_unprotected(dev)
    dev.stack("express")
    reader = {"DBInstanceIdentifier": f"{NAME}-reader", "DBClusterIdentifier": NAME, "Engine": "aurora-postgresql"}
    boto3.client("rds").create_db_instance(DBInstanceClass="db.serverless", **reader)  # added by hand
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
    (request,) = dev.calls.by_operation("DeleteDBCluster")
    assert request.parameters == {"DBClusterIdentifier": NAME, "SkipFinalSnapshot": True}
    second = dev.remove()
    assert (second.status, dev.sls) == (2, [])
    assert f"there is no stack {NAME} in us-east-1" in second.err


REMOVAL_CALLS = ["DeleteStack", "DeleteDBInstance", "DeleteDBCluster", "DeleteDBClusterParameterGroup"]


@pytest.mark.parametrize("operation", REMOVAL_CALLS)
def test_killed_removal_is_continued_by_the_next(dev: Dev, operation: str) -> None:
    create_unprotected(dev)
    dev.stack("express")
    dev.kill_after(operation, times=1)
    with pytest.raises(ProcessKilledError):
        dev.remove()
    dev.calls.stubs.pop(operation)
    is_done = operation == REMOVAL_CALLS[-1]

    result = dev.remove()

    assert (result.status, dev.sls) == (2 if is_done else 0, [])
    assert (dev.cluster(), dev.groups()) == (None, [])


def test_retained_cluster_is_used_by_the_next_deploy(dev: Dev) -> None:
    dev.described = DESCRIBED | {"WhenDeleted": "Retain"}
    dev.create()
    dev.stack("express")
    result = dev.remove()
    assert (result.status, dev.sls, dev.rds.changes) == (0, ["remove"], [])
    assert f"kept the cluster {NAME} (whenDeleted: Retain)" in result.err
    dev.deploy()
    assert dev.rds.changes == []
    assert is_complete(dev)


def test_protected_cluster_stops_the_removal(dev: Dev) -> None:
    dev.create()
    dev.stack("express")
    result = dev.remove()
    assert (result.status, dev.sls, dev.rds.changes) == (2, [], [])
    assert f"the cluster {NAME} is protected from deletion. If you want to remove it, deploy" in result.err


def test_preview_lists_the_creation_and_changes_of_the_cluster_and_makes_none(dev: Dev) -> None:
    dev.calls.stubs["DescribeEvents"] = {"OperationEvents": []}  # moto does not know it
    new = dev.deploy("--preview", "--json")
    assert new.json["outsideStack"] == [
        f"the cluster {NAME}, with one instance of 0 to 4 ACU, is created",
        f"the parameter group {NAME} is created",
    ]
    assert dev.rds.changes == []

    dev.create()
    dev.described = DESCRIBED | {"BackupRetentionPeriod": 3}
    changed = dev.deploy("--preview", "--json")
    assert changed.json["outsideStack"] == [f"{NAME}: its backups (of 3 days)"]
    assert dev.rds.changes == []
    assert (new.status, changed.status) == (0, 0)
