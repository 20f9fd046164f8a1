"""Clusters of stages whose `database` is `express`, which CloudFormation cannot create.

Each step first checks the present state, so a run completes one that was interrupted.
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2506
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import service, stack_name
from tools.kit.output import print_status
from tools.kit.target import config, explain
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    import boto3

_WHEN_DELETED = "whenDeleted"  # tag of the cluster: Delete or Retain, known even without the stack
_NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME_LENGTH = 52  # RDS allows 63; the writer's name adds 11
_POLLS = {"Delay": 5, "MaxAttempts": 240}  # at most 20 minutes
_CHANGE_SECONDS = 300  # limit of a change
_CHANGE_PAUSE_SECONDS = 5
_NOT_OF_STAGE = (
    "the cluster {} does not belong to this stage: it lacks the tags service and stage, or an internet access gateway. "
    "Rename or delete it, or deploy a stage with another name."
)
_SETTINGS = ("ServerlessV2ScalingConfiguration", "DeletionProtection", "BackupRetentionPeriod")
_MAY_BE_REFUSED = _SETTINGS[1:]  # on the Free plan
_REFUSED_SETTINGS_ERRORS = {"FreeTierRestrictionError", "InvalidParameterCombination", "InvalidParameterValue"}
_BUSY_ERRORS = {"InvalidDBClusterStateFault", "InvalidDBInstanceState", "InvalidDBParameterGroupState"}

ClusterSettings = Mapping[str, Any]
"""Settings of a stage's cluster, by RDS's names, from the template's metadata (resources/cluster.yml)."""


def create_or_update(session: "boto3.Session", stage: str, declared: ClusterSettings, clock: Clock = CLOCK) -> None:
    """Create a stage's cluster if it does not exist, and apply its settings.

    If AWS refuses a setting, print that and continue, because the stage works without it.

    Raises:
        CommandError: another cluster has the name, or the cluster did not become available.
    """
    rds, name = _client(session), stack_name(stage)
    cluster = _find_cluster(rds, name)
    if cluster is None:
        print_status(f"creating the cluster {name}")
        _create(rds, name, declared)
    elif not _belongs_to_stage(cluster, stage):
        raise CommandError(f"{_NOT_OF_STAGE.format(name)} Nothing was deployed.")
    _wait(rds, "db_cluster_available", {"DBClusterIdentifier": name}, f"the cluster {name} did not become available")
    members = {"Filters": [{"Name": "db-cluster-id", "Values": [name]}]}
    _wait(rds, "db_instance_available", members, f"the writer of the cluster {name} did not become available")
    cluster = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    rds.add_tags_to_resource(ResourceName=cluster["DBClusterArn"], Tags=_tag_list(declared))
    changes = _changes(cluster, declared)
    is_new_group = "DBClusterParameterGroupName" in changes
    steps = [partial(_modify, rds, name, changes, clock), partial(_configure_writer, rds, name, is_new_group, clock)]
    if is_new_group or cluster["DBClusterParameterGroup"] == name:
        steps.insert(0, partial(_apply_parameter_group, rds, cluster, declared))
    for step in steps:
        try:
            step()
        except (BotoCoreError, ClientError) as error:
            print_status(f"not changed: {explain(error)}", "Continuing without this change.")


def _create(rds: Any, name: str, declared: ClusterSettings) -> None:
    """Create a cluster, without the settings that can be changed later if AWS refuses them now."""
    request = partial(
        rds.create_db_cluster,
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        WithExpressConfiguration=True,
        MasterUsername=declared["MasterUsername"],
        ServerlessV2ScalingConfiguration=declared["ServerlessV2ScalingConfiguration"],
        Tags=_tag_list(declared),
    )
    try:
        request(**{key: declared[key] for key in _MAY_BE_REFUSED})
    except ClientError as error:
        if error.response["Error"].get("Code") not in _REFUSED_SETTINGS_ERRORS:
            raise
        print_status(explain(error), "Creating the cluster without protection and backups, which are changed later.")
        request()


def _changes(cluster: Any, declared: ClusterSettings) -> dict[str, Any]:
    """Return the settings that a cluster does not have yet, as arguments of ModifyDBCluster.

    A parameter group that the operator set is kept.
    """

    def has(key: str) -> bool:
        value, current = declared[key], cluster.get(key)
        return bool(current.items() >= value.items() if isinstance(current, dict) else current == value)

    changes = {key: declared[key] for key in _SETTINGS if not has(key)}
    if cluster["DBClusterParameterGroup"].startswith("default."):
        changes["DBClusterParameterGroupName"] = cluster["DBClusterIdentifier"]
    return changes


def _apply_parameter_group(rds: Any, cluster: Any, declared: ClusterSettings) -> None:
    """Create or update the parameter group of a cluster."""
    name = cluster["DBClusterIdentifier"]
    if not _has_parameter_group(rds, name):
        rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName=name,
            DBParameterGroupFamily=f"aurora-postgresql{cluster['EngineVersion'].partition('.')[0]}",
            Description="Keeps punches out of PostgreSQL's log",
            Tags=_tag_list(declared),
        )
    parameters = [
        {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "immediate"}
        for key, value in declared["Parameters"].items()
    ]
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=parameters)


def _modify(rds: Any, name: str, changes: Mapping[str, Any], clock: Clock) -> None:
    """Make all changes at once, or each that AWS accepts if it refuses one of them."""
    if not changes:
        return
    modify = partial(rds.modify_db_cluster, DBClusterIdentifier=name, ApplyImmediately=True)
    print_status(f"changing the cluster {name}: {', '.join(changes)}")
    try:
        _request(partial(modify, **changes), clock)
    except ClientError as refusal:
        print_status(explain(refusal), "Making each change separately.")
        for key, value in changes.items():
            try:
                _request(partial(modify, **{key: value}), clock)
            except ClientError as error:
                print_status(f"not changed: {key}: {explain(error)}", "Continuing without this change.")


def _configure_writer(rds: Any, name: str, is_new_group: bool, clock: Clock) -> None:
    """Turn off automatic upgrades, as for a cluster of the stack, and restart the writer for a new parameter group.

    Aurora upgrades a cluster automatically only if each of its instances allows it.
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.VersionPolicy.Upgrading.html
    """
    for instance in _instances(rds, name):
        identifier = instance["DBInstanceIdentifier"]
        if instance["AutoMinorVersionUpgrade"]:
            modify = partial(rds.modify_db_instance, DBInstanceIdentifier=identifier, ApplyImmediately=True)
            _request(partial(modify, AutoMinorVersionUpgrade=False), clock)
    cluster = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    has_group = cluster["DBClusterParameterGroup"] == name
    for member in cluster["DBClusterMembers"]:
        if is_new_group or (has_group and member["DBClusterParameterGroupStatus"] == "pending-reboot"):
            print_status("restarting the writer, so that its parameter group takes effect")
            _request(partial(rds.reboot_db_instance, DBInstanceIdentifier=member["DBInstanceIdentifier"]), clock)


def find_obstacle(session: "boto3.Session", stage: str, declared: ClusterSettings, database: str | None) -> str | None:
    """Return why a stage cannot have an express cluster; None: it can.

    Args:
        database: the stage's present `database`; None: it is not deployed yet.
    """
    name = stack_name(stage)
    if database not in (None, "express") and not declared["LeaveDatabase"]:
        return (
            f"'express' would give {name} a different database, without the punches stored with '{database}'. Set "
            f"database to '{database}'. To move, copy the rows first, and deploy once with --param leaveDatabase=true "
            "(docs/operations.md#switch-to-the-restored-cluster)."
        )
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_LENGTH:
        return (
            f"--stage {stage}: its cluster would be named {name}, but RDS allows only lower-case letters, digits and "
            f"single hyphens, here at most {_MAX_NAME_LENGTH} characters. Choose another name."
        )
    cluster = _find_cluster(_client(session), name)
    return _NOT_OF_STAGE.format(name) if cluster and not _belongs_to_stage(cluster, stage) else None


def describe_changes(session: "boto3.Session", stage: str, declared: ClusterSettings) -> list[str]:
    """Describe what `create_or_update` would create or change: nothing if another cluster has the name."""
    name = stack_name(stage)
    if cluster := _find_cluster(_client(session), name):
        changes = _changes(cluster, declared) if _belongs_to_stage(cluster, stage) else {}
        return [f"{name}: {key} is set to {value}" for key, value in changes.items()]
    low, high = map(declared["ServerlessV2ScalingConfiguration"].get, ("MinCapacity", "MaxCapacity"))
    return [f"the cluster {name}, with one instance of {low:g} to {high:g} ACU, and its parameter group are created"]


class ClusterState(NamedTuple):
    """State of a stage's express cluster."""

    name: str
    is_protected: bool
    is_kept: bool  # whether it stays when the stage is removed


def find(session: "boto3.Session", stage: str) -> ClusterState | None:
    """Return the state of a stage's cluster; None if the stage has none, also if another cluster has its name."""
    rds, name = _client(session), stack_name(stage)
    if (cluster := _find_cluster(rds, name)) is None:  # the parameter group is deleted last
        return ClusterState(name, is_protected=False, is_kept=False) if _has_parameter_group(rds, name) else None
    if not _belongs_to_stage(cluster, stage):
        return None
    is_kept = _tags(cluster).get(_WHEN_DELETED) != "Delete"
    return ClusterState(name, is_protected=cluster["DeletionProtection"], is_kept=is_kept)


def delete(session: "boto3.Session", name: str) -> None:
    """Delete a cluster with its instances, without a snapshot, and its parameter group.

    Raises:
        CommandError: the cluster is protected, or the deletion takes too long.
    """
    rds = _client(session)
    if cluster := _find_cluster(rds, name):
        if cluster["DeletionProtection"]:  # set meanwhile; AWS would still delete the instances
            raise CommandError(
                f"the cluster {name} stays, as it is protected now; to delete it, unprotect it, and repeat", 1
            )
        print_status(f"deleting the cluster {name}, which takes minutes")
        for instance in _instances(rds, name):
            if instance["DBInstanceStatus"] != "deleting":
                rds.delete_db_instance(DBInstanceIdentifier=instance["DBInstanceIdentifier"])
        if cluster["Status"] != "deleting":
            rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
        _wait(rds, "db_cluster_deleted", {"DBClusterIdentifier": name}, f"the cluster {name} is not deleted yet", 1)
    if _has_parameter_group(rds, name):
        rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=name)


def _client(session: "boto3.Session") -> Any:
    return session.client("rds", config=config(attempts=8))  # the console's requests count against the same limit


def _wait(rds: Any, waiter: str, request: Mapping[str, Any], problem: str, status: int = 2) -> None:
    """Wait for a state by boto3's waiter.

    Raises:
        CommandError: the state was not reached.
    """
    try:
        rds.get_waiter(waiter).wait(**request, WaiterConfig=_POLLS)
    except WaiterError as error:
        raise CommandError(f"{problem}: {error}. See RDS's console, and run this again", status) from error


def _request(request: Callable[[], object], clock: Clock) -> None:
    """Make a change as soon as RDS accepts it: it is busy with an earlier one for a while."""
    pauses = retry_pauses(
        "RDS is busy with an earlier change.",
        timeout_seconds=_CHANGE_SECONDS,
        pause_seconds=_CHANGE_PAUSE_SECONDS,
        clock=clock,
    )
    while True:
        try:
            request()
        except ClientError as error:
            if error.response["Error"].get("Code") not in _BUSY_ERRORS or not next(pauses, False):
                raise
        else:
            return


def _belongs_to_stage(cluster: Any, stage: str) -> bool:
    stage_tags = {"service": service(), "stage": stage}
    return cluster.get("InternetAccessGatewayEnabled", False) and _tags(cluster).items() >= stage_tags.items()


def _find_cluster(rds: Any, name: str) -> Any | None:
    try:
        return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    except rds.exceptions.DBClusterNotFoundFault:
        return None


def _instances(rds: Any, name: str) -> list[Any]:
    pages = rds.get_paginator("describe_db_instances").paginate(Filters=[{"Name": "db-cluster-id", "Values": [name]}])
    return list(pages.search("DBInstances[]"))


def _has_parameter_group(rds: Any, name: str) -> bool:
    try:
        rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=name)
    except rds.exceptions.DBParameterGroupNotFoundFault:
        return False
    return True


def _tags(cluster: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in cluster.get("TagList", [])}


def _tag_list(declared: ClusterSettings) -> list[dict[str, str]]:
    tags = declared["Tags"] | {_WHEN_DELETED: declared["WhenDeleted"]}
    return [{"Key": key, "Value": value} for key, value in tags.items()]
