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
from tools.tests.rds_api import Rds, mock_rds
from tools.tests.sls import FakeSls

NAME = "batida-ponto-dev"
CAPACITY = "ServerlessV2ScalingConfiguration"
TAGS = [{"Key": "service", "Value": "batida-ponto"}, {"Key": "stage", "Value": "dev"}]
SETTINGS: dict[str, Any] = {
    "MasterUsername": "ponto",
    CAPACITY: {"MinCapacity": 0, "MaxCapacity": 4, "SecondsUntilAutoPause": 300},
    "DeletionProtection": True,
    "BackupRetentionPeriod": 7,
    "Tags": {"service": "batida-ponto", "stage": "dev"},
    "WhenDeleted": "Delete",
    "Parameters": {"log_min_error_statement": "panic", "log_statement": "ddl"},
    "LeaveDatabase": False,
}
"""Settings of the cluster in the template's metadata."""


class ProcessKilledError(BaseException):
    """The process was killed."""


class Dev:
    """The stage `dev` of an empty account with express clusters; `sls` is a fake that deploys nothing."""

    def __init__(self, rds: Rds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.rds = rds
        self.calls = Calls(monkeypatch)
        self.calls.stubs = {"GetAccountPlanState": {"accountPlanType": "PAID"}, "CreateServiceLinkedRole": ROLE_EXISTS}
        self.sls = FakeSls()
        self._run = runner(capsys, collaborators=Collaborators(FakeClock(), self.sls, list))

    @property
    def changes(self) -> list[str]:
        """The operations that change something in RDS or delete the stack, without those that are always repeated."""
        pattern = "(Create|Modify(?!DBClusterParameterGroup)|Reboot|Delete)DB|DeleteStack"
        return [name for name in self.calls.operations if re.match(pattern, name)]

    def deploy(self, *words: str, is_express: bool = True, **settings: Any) -> CommandResult:
        """Run `ponto deploy`. Its status is 2 even on success, because the fake `sls` creates no stack."""
        self.sls.template["Metadata"] = {"ExpressCluster": SETTINGS | settings} if is_express else {}
        return self._run("deploy", "--stage", "dev", *words)

    def remove(self) -> CommandResult:
        return self._run("remove", "--stage", "dev", "--yes")

    def create(self, **settings: Any) -> None:
        """Create the cluster, without a stack."""
        self.deploy(**settings)
        self.calls.history.clear()
        self.sls.invocations.clear()

    def run_killed(self, operation: str, run: Callable[[], object]) -> None:
        """Run a command that is killed after its first call of an operation."""

        def call(real: Callable[[], Any], _: object) -> None:
            real()
            raise ProcessKilledError

        self.calls.stubs[operation] = call
        with pytest.raises(ProcessKilledError):
            run()
        del self.calls.stubs[operation]

    def add_stack(self, **outputs: str) -> None:
        """Create a stack, which `sls` deletes."""
        if "Database" in outputs:
            outputs |= {"QueueUrl": "https://a", "DeadLetterQueueUrl": "https://b", "ApiId": "abc"}
        resources = {"Queue": {"Type": "AWS::SQS::Queue"}}
        template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps(template))
        self.sls.while_running = lambda: cloudformation.delete_stack(StackName=NAME)


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dev]:
    with aws(), mock_rds() as rds:
        yield Dev(rds, monkeypatch, capsys)


def read_settings() -> dict[str, Any]:
    """Return the settings of the only cluster, which must be complete."""
    rds = boto3.client("rds")
    (cluster,), (writer,) = rds.describe_db_clusters()["DBClusters"], rds.describe_db_instances()["DBInstances"]
    (member,) = cluster["DBClusterMembers"]
    assert (member["DBClusterParameterGroupStatus"], writer["AutoMinorVersionUpgrade"]) == ("in-sync", False)
    group = rds.describe_db_cluster_parameters(DBClusterParameterGroupName=cluster["DBClusterParameterGroup"])
    tags = {tag["Key"]: tag["Value"] for tag in cluster["TagList"]}
    parameters = {parameter["ParameterName"]: parameter["ParameterValue"] for parameter in group["Parameters"]}
    cluster |= {"Tags": tags, "WhenDeleted": tags.pop("whenDeleted"), "Parameters": parameters, "LeaveDatabase": False}
    return {key: cluster[key] for key in SETTINGS}


CREATION = [
    "CreateDBCluster",
    "CreateDBClusterParameterGroup",
    "ModifyDBCluster",
    "ModifyDBInstance",
    "RebootDBInstance",
]


@pytest.mark.parametrize("killed_after", [None, *CREATION])
def test_complete_cluster_is_created_before_the_stack(dev: Dev, killed_after: str | None) -> None:
    seen = []
    dev.sls.while_running = lambda: seen.append(read_settings())
    if killed_after:
        dev.run_killed(killed_after, dev.deploy)

    dev.deploy()

    assert seen == [SETTINGS]
    assert dev.changes == CREATION
    (group,) = dev.calls.by_operation("CreateDBClusterParameterGroup")
    assert group.parameters["DBParameterGroupFamily"] == "aurora-postgresql17"  # for the version that AWS chose


def test_settings_that_aws_refuses_at_creation_are_set_afterwards(dev: Dev) -> None:
    def create(real: Callable[[], Any], parameters: Any) -> Any:
        if {"DeletionProtection", "BackupRetentionPeriod"} & {*parameters}:
            raise refusal("InvalidParameterCombination")
        return real()

    dev.calls.stubs["CreateDBCluster"] = create
    dev.deploy()
    assert dev.sls.commands == ["package", "deploy"]
    assert read_settings() == SETTINGS


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({CAPACITY: SETTINGS[CAPACITY] | {"MaxCapacity": 8}}, ["ModifyDBCluster"]),
        ({"BackupRetentionPeriod": 1, "DeletionProtection": False}, ["ModifyDBCluster"]),
        ({"WhenDeleted": "Retain", "Parameters": SETTINGS["Parameters"] | {"log_statement": "none"}}, []),
    ],
)
def test_changed_parameters_change_nothing_else(dev: Dev, settings: dict[str, Any], changes: list[str]) -> None:
    dev.create()
    dev.deploy(**settings)
    assert dev.changes == changes
    assert read_settings() == SETTINGS | settings


@pytest.mark.parametrize(
    ("tags", "is_express"),
    [(TAGS[:1], True), ([{"Key": "service", "Value": "a"}, TAGS[1]], True), (TAGS, False)],
)
def test_cluster_of_another_owner_is_neither_changed_nor_removed(dev: Dev, tags: Any, *, is_express: bool) -> None:
    identity = {"DBClusterIdentifier": NAME, "Engine": "aurora-postgresql", "MasterUsername": "ponto"}
    boto3.client("rds").create_db_cluster(**identity, Tags=tags, WithExpressConfiguration=is_express)
    assert "does not belong to this stage" in dev.deploy().err
    assert dev.remove().status == 2
    assert dev.sls.commands == ["package"]
    assert dev.changes == ["CreateDBCluster"]  # of this test


def test_refused_setting_is_reported_and_does_not_prevent_the_others(dev: Dev) -> None:
    def modify(real: Callable[[], Any], parameters: Any) -> Any:
        if "BackupRetentionPeriod" in parameters:
            raise refusal("FreeTierRestrictionError")
        return real()

    dev.create()
    dev.calls.stubs["ModifyDBCluster"] = modify
    result = dev.deploy(BackupRetentionPeriod=3, DeletionProtection=False)
    assert "not changed: BackupRetentionPeriod" in result.err
    assert read_settings() == SETTINGS | {"DeletionProtection": False}
    assert dev.sls.commands == ["package", "deploy"]


@pytest.mark.parametrize("operation", ["CreateDBClusterParameterGroup", "RebootDBInstance"])
def test_refused_parameter_group_does_not_prevent_the_deploy(dev: Dev, operation: str) -> None:
    dev.calls.stubs[operation] = refusal("Denied")
    assert "not changed: " in dev.deploy().err
    assert dev.sls.commands == ["package", "deploy"]


def test_parameter_group_set_by_the_operator_is_kept(dev: Dev) -> None:
    dev.create()
    boto3.client("rds").modify_db_cluster(DBClusterIdentifier=NAME, DBClusterParameterGroupName="custom")
    dev.deploy()
    assert dev.changes == ["ModifyDBCluster"]  # of this test


@pytest.mark.parametrize(
    ("outputs", "leaves", "commands"),
    [
        ({"Database": "express"}, False, ["package", "deploy"]),
        ({"Database": "create"}, False, ["package"]),
        ({"Database": "create"}, True, ["package", "deploy"]),
        ({"PunchQueueUrl": "https://a"}, True, []),  # a version before 1.0
    ],
)
def test_deployed_stage_gets_no_second_database(
    dev: Dev, outputs: dict[str, str], commands: Any, *, leaves: bool
) -> None:
    dev.add_stack(**outputs)
    dev.deploy(LeaveDatabase=leaves)
    assert dev.sls.commands == commands
    assert bool(dev.changes) is ("deploy" in commands)


def test_later_deploys_use_the_express_cluster_by_default(dev: Dev) -> None:
    dev.add_stack(Database="express")
    dev.deploy()
    assert all("--param=database=express" in options for _, options in dev.sls.invocations)


def test_stack_with_a_cluster_is_not_deployed_beside_an_express_cluster(dev: Dev) -> None:
    dev.create()
    dev.sls.add_cluster()
    assert "continue with it with --param database=express" in dev.deploy(is_express=False).err
    assert dev.sls.commands == ["package"]


@pytest.mark.parametrize("killed_after", [None, "DeleteStack", "DeleteDBInstance", "DeleteDBCluster"])
def test_removal_deletes_stack_instances_cluster_and_parameter_group(dev: Dev, killed_after: str | None) -> None:
    dev.create(DeletionProtection=False)
    dev.add_stack(Database="express")
    reader = {"db_instance_identifier": "reader", "db_cluster_identifier": NAME, "db_instance_class": "db.serverless"}
    dev.rds.create_db_instance(reader | {"engine": "aurora-postgresql"})  # added by hand
    if killed_after:
        dev.run_killed(killed_after, dev.remove)

    assert dev.remove().status == 0

    assert dev.changes == ["DeleteStack", *["DeleteDBInstance"] * 2, "DeleteDBCluster", "DeleteDBClusterParameterGroup"]
    assert dev.calls.by_operation("DeleteDBCluster")[0].parameters["SkipFinalSnapshot"]
    assert [*dev.rds.clusters, *dev.rds.databases, *dev.rds.db_cluster_parameter_groups] == []


@pytest.mark.parametrize(
    ("settings", "changes"), [({"WhenDeleted": "Retain"}, ["DeleteStack"]), ({"DeletionProtection": True}, [])]
)
def test_retained_or_protected_cluster_stays(dev: Dev, settings: dict[str, Any], changes: list[str]) -> None:
    dev.create(**settings)
    dev.add_stack(Database="express")
    assert dev.remove().status == (0 if changes else 2)
    assert dev.changes == changes


def test_cluster_that_is_protected_during_the_removal_keeps_its_instances(dev: Dev) -> None:
    dev.create(DeletionProtection=False)
    dev.add_stack(Database="express")
    dev.sls.while_running = lambda: setattr(dev.rds.clusters[NAME], "deletion_protection", True)
    assert dev.remove().status == 1
    assert dev.changes == []


def test_preview_lists_changes_of_the_cluster_and_makes_none(dev: Dev) -> None:
    dev.calls.stubs["DescribeEvents"] = {"OperationEvents": []}  # moto does not know it
    assert "are created" in dev.deploy("--preview", "--json").json["outsideStack"][0]
    assert dev.changes == []

    dev.create()
    changed = dev.deploy("--preview", "--json", BackupRetentionPeriod=3)
    assert changed.json["outsideStack"] == [f"{NAME}: BackupRetentionPeriod is set to 3"]
    assert dev.changes == []
