"""Clusters of stages whose `database` is `express`, which CloudFormation cannot create.

Each step first checks the present state, so a run completes one that was interrupted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import service, stack_name
from tools.kit.output import print_status
from tools.kit.target import config, explain

if TYPE_CHECKING:
    import boto3

_POLL_SECONDS = 5.0  # between two requests for the state
_READY_SECONDS = 900  # limit for a new cluster and its writer, which took 32 s in tests
_CHANGE_SECONDS = 300  # limit of one change
_DELETE_SECONDS = 1_800  # limit for the cluster and its writer, which took 5 to 11 minutes in tests
_WHEN_DELETED = "whenDeleted"  # tag of the cluster: Delete or Retain, known even without the stack
_NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME_LENGTH = 52  # RDS allows 63; the writer's name adds 11
_GROUP_CHANGE = "the parameter group that keeps punches out of its log"
_NOT_OF_STAGE = (
    "the cluster {} does not belong to this stage: it lacks the tags service and stage, or an internet access gateway. "
    "Rename or delete it, or deploy a stage with another name."
)
_PROGRESS_SECONDS = 30  # between two lines about the same state
_UNUSABLE_STATUSES = {"deleting", "failed", "inaccessible-encryption-credentials", "stopped", "stopping"}
_REFUSED_SETTINGS_ERRORS = {"FreeTierRestrictionError", "InvalidParameterCombination", "InvalidParameterValue"}
_TRANSIENT_ERRORS = {"InvalidDBClusterStateFault", "InvalidDBInstanceState", "InvalidDBParameterGroupState"}


ClusterSettings = Mapping[str, Any]
"""Settings of a stage's cluster, by RDS's names, from the template's metadata (resources/cluster.yml)."""


def create_or_update(session: "boto3.Session", stage: str, declared: ClusterSettings, clock: Clock = CLOCK) -> None:
    """Create a stage's cluster if it does not exist, and apply its settings.

    If AWS refuses a setting, print that and continue, because the stage works without it.

    Raises:
        CommandError: another cluster has the name, or the cluster did not become available.
    """
    rds, name = _client(session), stack_name(stage)
    if not _exists(rds, stage):
        print_status(f"creating the cluster {name}, which takes about a minute")
        try:
            _create(rds, name, declared)
        except (
            rds.exceptions.DBClusterAlreadyExistsFault
        ):  # by a parallel deploy, or by a request whose response was lost
            _exists(rds, stage)
    _wait(lambda: _describe_unready(rds, name), _READY_SECONDS, f"the cluster {name} did not become available", clock)
    for description, step in _pending_changes(rds, name, declared, clock):
        try:
            step()
        except (BotoCoreError, ClientError, CommandError) as error:
            reason = error if isinstance(error, CommandError) else explain(error)
            print_status(f"not changed: {description}: {reason}", "Continuing without this change.")


def _create(rds: Any, name: str, declared: ClusterSettings) -> None:
    """Create a cluster, without the settings that can be changed later if AWS refuses them now."""
    request = partial(
        rds.create_db_cluster,
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        WithExpressConfiguration=True,
        MasterUsername=declared["MasterUsername"],
        ServerlessV2ScalingConfiguration=declared["ServerlessV2ScalingConfiguration"],
        Tags=_to_tag_list(_declared_tags(declared)),
    )
    try:
        request(**{key: declared[key] for key in ("DeletionProtection", "BackupRetentionPeriod")})
    except ClientError as error:
        if error.response["Error"].get("Code") not in _REFUSED_SETTINGS_ERRORS:
            raise
        print_status(explain(error), "Creating the cluster without protection and backups, which are changed later.")
        request()


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
    rds, name = _client(session), stack_name(stage)
    if cluster := _find_cluster(rds, name):
        if not _belongs_to_stage(cluster, stage):
            return []
        changes = [description for description, _ in _pending_changes(rds, name, declared, CLOCK)]
        if cluster["DBClusterParameterGroup"] == name and not _parameter_changes(rds, name, declared):
            changes.remove(_GROUP_CHANGE)  # a deploy only checks it
        return [f"{name}: {change}" for change in changes]
    low, high = map(declared["ServerlessV2ScalingConfiguration"].get, ("MinCapacity", "MaxCapacity"))
    return [
        f"the cluster {name}, with one instance of {low:g} to {high:g} ACU, is created",
        f"the parameter group {name} is created",
    ]


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


def delete(session: "boto3.Session", name: str, clock: Clock = CLOCK) -> None:
    """Delete a cluster with its instances, without a snapshot, and its parameter group.

    Raises:
        CommandError: the cluster is protected, or the deletion takes too long.
    """
    rds = _client(session)
    print_status(f"deleting the cluster {name}, which takes 5 to 11 minutes")

    def undeleted() -> str | None:
        if cluster := _find_cluster(rds, name):
            if cluster["DeletionProtection"]:  # set meanwhile; AWS would still delete the instances
                raise CommandError(
                    f"the cluster {name} stays, as it is protected now; to delete it, unprotect it, and repeat", 1
                )
            for instance in _instances(rds, name):
                if instance["DBInstanceStatus"] != "deleting":
                    rds.delete_db_instance(DBInstanceIdentifier=instance["DBInstanceIdentifier"])
            if cluster["Status"] != "deleting":
                rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
            return "the cluster is being deleted"
        if _has_parameter_group(rds, name):
            rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=name)
        return None

    timeout_message = f"the cluster {name} is not deleted yet; run this again"
    _wait(undeleted, _DELETE_SECONDS, timeout_message, clock, status=1)


def _client(session: "boto3.Session") -> Any:
    return session.client("rds", config=config(attempts=8))  # the console's requests count against the same limit


def _pending_changes(
    rds: Any, name: str, declared: ClusterSettings, clock: Clock
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the description and the function of each change that an available cluster still needs."""
    cluster = _require_cluster(rds, name)
    if tags := dict(_declared_tags(declared).items() - _tags(cluster).items()):
        yield (
            "its tags",
            lambda: rds.add_tags_to_resource(ResourceName=cluster["DBClusterArn"], Tags=_to_tag_list(tags)),
        )
    low, high, pause = map(
        declared["ServerlessV2ScalingConfiguration"].get, ("MinCapacity", "MaxCapacity", "SecondsUntilAutoPause")
    )
    changes = {
        "ServerlessV2ScalingConfiguration": f"its capacity ({low:g} to {high:g} ACU, pausing after {pause:g} s)",
        "DeletionProtection": f"its protection from deletion ({'on' if declared['DeletionProtection'] else 'off'})",
        "BackupRetentionPeriod": f"its backups (of {declared['BackupRetentionPeriod']} days)",
    }
    for key, description in changes.items():  # separately, because AWS may refuse some of them
        if not _has_value(cluster, key, declared[key]):
            yield description, partial(_change, rds, name, description, key, declared[key], clock)
    writer = _writer_instance(rds, cluster)
    if writer.get("AutoMinorVersionUpgrade"):
        step = partial(_disable_minor_upgrades, rds, name, writer["DBInstanceIdentifier"], clock)
        yield "its automatic minor version upgrades (off)", step
    group = cluster["DBClusterParameterGroup"]
    if group == name or group.startswith("default."):
        yield _GROUP_CHANGE, partial(_apply_parameter_group, rds, name, declared, clock)
    else:
        print_status(f"unchanged: the parameter group {group}, which was set outside this command")


def _change(rds: Any, name: str, description: str, key: str, value: object, clock: Clock) -> None:
    """Change one setting of a cluster."""
    parameter = "DBClusterParameterGroupName" if key == "DBClusterParameterGroup" else key
    request = partial(rds.modify_db_cluster, DBClusterIdentifier=name, ApplyImmediately=True, **{parameter: value})
    _request(rds, name, f"changing {description}", request, lambda cluster: _has_value(cluster, key, value), clock)


def _disable_minor_upgrades(rds: Any, name: str, writer: str, clock: Clock) -> None:
    """Turn off the writer's automatic minor version upgrades, as resources/cluster.yml does for a cluster of the stack.

    Aurora upgrades a cluster automatically only if each of its instances allows it.
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.VersionPolicy.Upgrading.html
    """
    key = "AutoMinorVersionUpgrade"
    request = partial(rds.modify_db_instance, DBInstanceIdentifier=writer, ApplyImmediately=True, **{key: False})
    description = "turning off automatic minor version upgrades"
    _request(rds, name, description, request, lambda cluster: not _writer_instance(rds, cluster).get(key), clock)


def _apply_parameter_group(rds: Any, name: str, declared: ClusterSettings, clock: Clock) -> None:
    """Create and set a parameter group for the cluster's version, and restart the writer so that it takes effect."""
    cluster = _require_cluster(rds, name)
    if not _has_parameter_group(rds, name):
        rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName=name,
            DBParameterGroupFamily=f"aurora-postgresql{cluster['EngineVersion'].partition('.')[0]}",
            Description="Keeps punches out of PostgreSQL's log",
            Tags=_to_tag_list(_declared_tags(declared)),
        )
    if changes := _parameter_changes(rds, name, declared):
        rds.modify_db_cluster_parameter_group(
            DBClusterParameterGroupName=name,
            Parameters=[
                {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "immediate"}
                for key, value in changes.items()
            ],
        )
    is_new = cluster["DBClusterParameterGroup"] != name
    if is_new:
        _change(rds, name, "its parameter group", "DBClusterParameterGroup", name, clock)

    key = "DBClusterParameterGroupStatus"
    if is_new or _writer(_require_cluster(rds, name)).get(key) == "pending-reboot":
        description = "restarting the writer, so that its parameter group takes effect"
        request = partial(rds.reboot_db_instance, DBInstanceIdentifier=_writer(cluster)["DBInstanceIdentifier"])
        _request(rds, name, description, request, lambda cluster: _writer(cluster).get(key) == "in-sync", clock)


def _parameter_changes(rds: Any, name: str, declared: ClusterSettings) -> dict[str, str]:
    """Return the parameters, with their values, that an existing parameter group does not have yet."""
    pages = rds.get_paginator("describe_db_cluster_parameters").paginate(
        DBClusterParameterGroupName=name, Source="user"
    )
    existing = {
        parameter["ParameterName"]: parameter.get("ParameterValue") for parameter in pages.search("Parameters[]")
    }
    return dict(declared["Parameters"].items() - existing.items())


def _request(
    rds: Any, name: str, description: str, request: Callable[[], Any], is_done: Callable[[Any], bool], clock: Clock
) -> None:
    """Request a change as soon as RDS accepts it, and wait until it is done.

    The status alone is not enough, because it is `available` before the change begins too.

    Args:
        is_done: returns whether the change is done, given the description of the cluster.
    """

    def unrequested() -> None:
        request()

    def unfinished() -> str | None:
        return _describe_unready(rds, name) or (
            None if is_done(_require_cluster(rds, name)) else "the change is not done yet"
        )

    print_status(description)
    _wait(unrequested, _CHANGE_SECONDS, "AWS does not accept the change", clock)
    _wait(unfinished, _CHANGE_SECONDS, "AWS accepted the change, but has not applied it", clock)


def _wait(
    unfinished: Callable[[], str | None], seconds: float, timeout_message: str, clock: Clock, *, status: int = 2
) -> None:
    """Call a function until it returns None or an empty text. Transient errors of AWS count as unfinished.

    Args:
        unfinished: returns what is still to be done, which is printed when it changes and every 30 s.
        seconds: time limit.
        timeout_message: error message after the time limit.
        status: exit status of that error.

    Raises:
        CommandError: the time limit has passed.
    """
    began = printed = clock.monotonic()
    before = None
    while True:
        try:
            state = unfinished()
        except ClientError as error:
            if error.response["Error"].get("Code") not in _TRANSIENT_ERRORS:
                raise
            state = explain(error)
        if not state:
            return
        now = clock.monotonic()
        if now > began + seconds:
            raise CommandError(f"{timeout_message}: after {seconds:.0f} s {state}", status)
        if state != before or now > printed + _PROGRESS_SECONDS:
            print_status(f"  {state}" + (f", {now - began:.0f} s so far" if state == before else ""))
            before, printed = state, now
        clock.sleep(_POLL_SECONDS)


def _describe_unready(rds: Any, name: str) -> str | None:
    """Describe why a cluster or its writer is not available yet; None if both are.

    Raises:
        CommandError: the cluster has a status that waiting does not change.
    """
    cluster = _find_cluster(rds, name)
    if cluster is None:
        return "the cluster is not listed yet"
    status = cluster["Status"]
    if status in _UNUSABLE_STATUSES:
        raise CommandError(
            f"the cluster {name} is {status}. Nothing was deployed. "
            + (
                "Deploy again once it is deleted."
                if status == "deleting"
                else "Fix it in the console, and deploy again."
            )
        )
    writer = _writer_instance(rds, cluster).get("DBInstanceStatus", "not there")
    return None if status == writer == "available" else f"the cluster is {status}, its writer {writer}"


def _exists(rds: Any, stage: str) -> bool:
    """Return whether a stage's cluster exists.

    Raises:
        CommandError: another cluster has the name.
    """
    name = stack_name(stage)
    if (cluster := _find_cluster(rds, name)) is None:
        return False
    if not _belongs_to_stage(cluster, stage):
        raise CommandError(f"{_NOT_OF_STAGE.format(name)} Nothing was deployed.")
    return True


def _belongs_to_stage(cluster: Any, stage: str) -> bool:
    stage_tags = {"service": service(), "stage": stage}
    return cluster.get("InternetAccessGatewayEnabled", False) and _tags(cluster).items() >= stage_tags.items()


def _find_cluster(rds: Any, name: str) -> Any | None:
    try:
        return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    except rds.exceptions.DBClusterNotFoundFault:
        return None


def _require_cluster(rds: Any, name: str) -> Any:
    """Return the description of a cluster that must exist.

    Raises:
        CommandError: the cluster no longer exists.
    """
    if (cluster := _find_cluster(rds, name)) is None:
        raise CommandError(f"the cluster {name} was deleted meanwhile. Deploy again to create another.")
    return cluster


def _instances(rds: Any, name: str) -> list[Any]:
    pages = rds.get_paginator("describe_db_instances").paginate(Filters=[{"Name": "db-cluster-id", "Values": [name]}])
    return list(pages.search("DBInstances[]"))


def _writer(cluster: Any) -> Any:
    return next((member for member in cluster.get("DBClusterMembers", []) if member["IsClusterWriter"]), {})


def _writer_instance(rds: Any, cluster: Any) -> Any:
    """Return the description of a cluster's writer instance; empty if it does not exist yet."""
    identifier = _writer(cluster).get("DBInstanceIdentifier")
    instances = _instances(rds, cluster["DBClusterIdentifier"])
    return next((instance for instance in instances if instance["DBInstanceIdentifier"] == identifier), {})


def _has_parameter_group(rds: Any, name: str) -> bool:
    try:
        rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=name)
    except rds.exceptions.DBParameterGroupNotFoundFault:
        return False
    return True


def _has_value(cluster: Any, key: str, value: object) -> bool:
    current = cluster.get(key)
    return (
        current.items() >= value.items()
        if isinstance(current, dict) and isinstance(value, Mapping)
        else current == value
    )


def _declared_tags(declared: ClusterSettings) -> dict[str, str]:
    tags: dict[str, str] = declared["Tags"] | {_WHEN_DELETED: declared["WhenDeleted"]}
    return tags


def _tags(cluster: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in cluster.get("TagList", [])}


def _to_tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
