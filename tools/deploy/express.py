"""The cluster of a stage whose `database` is `express`: made, changed and deleted here, as CloudFormation cannot.

Every step looks at what is there first. So a run goes on where one was killed, and does nothing where all is done.
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

_POLL_SECONDS = 5.0  # between two looks at what AWS is doing
_READY_SECONDS = 900  # for a cluster and its writer, which were seen to take 32
_CHANGE_SECONDS = 300  # for one change
_DELETE_SECONDS = 1_800  # for both, which were seen to take 5 to 11 minutes
_WHEN_DELETED = "whenDeleted"  # a tag: what becomes of the cluster is known though the stack is gone
_NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME_LENGTH = 52  # characters, and 11 of the writer's
_PROGRESS_SECONDS = 30  # without a line of progress
_UNUSABLE_STATUSES = {"deleting", "failed", "inaccessible-encryption-credentials", "stopped", "stopping"}  # for good
_TRANSIENT_ERRORS = {
    "InvalidDBClusterStateFault",
    "InvalidDBInstanceState",
    "InvalidDBParameterGroupState",
}  # what passes


ClusterSettings = Mapping[str, Any]
"""The settings of a stage's cluster, by RDS's names, as a template has them from resources/cluster.yml."""


def create_or_update(session: "boto3.Session", stage: str, declared: ClusterSettings, clock: Clock = CLOCK) -> None:
    """Make a stage's cluster, unless it is there, and bring it to what is declared.

    What AWS refuses to change afterwards is said, and no reason to stop: without it the stage works, too.

    Raises:
        CommandError: its name is taken, or it did not become available.
    """
    rds, name = _client(session), stack_name(stage)
    if not _exists(rds, stage):
        print_status(f"making the cluster {name}, which takes AWS about a minute")
        try:
            rds.create_db_cluster(
                DBClusterIdentifier=name,
                Engine="aurora-postgresql",
                WithExpressConfiguration=True,
                MasterUsername=declared["MasterUsername"],
                ServerlessV2ScalingConfiguration=declared["ServerlessV2ScalingConfiguration"],
                Tags=_to_tag_list(_declared_tags(declared)),
            )
        except rds.exceptions.DBClusterAlreadyExistsFault:  # a deploy beside this one, or an answer that was lost
            _exists(rds, stage)
    _wait(lambda: _describe_unready(rds, name), _READY_SECONDS, f"the cluster {name} did not become available", clock)
    for what, step in _pending_changes(rds, name, declared, clock):
        try:
            step()
        except (BotoCoreError, ClientError, CommandError) as error:
            reason = str(error) if isinstance(error, CommandError) else explain(error)
            print_status(f"not done: {what}: {reason}", "Going on without.")


def require_possible(session: "boto3.Session", stage: str, declared: ClusterSettings, database: str | None) -> None:
    """Refuse a stage that cannot have this cluster.

    A deployed stage with another database would leave its punches there; another's name may be taken, or none of RDS's.

    Args:
        database: what the stage has; None: it is not deployed yet.
    """
    name = stack_name(stage)
    if database not in (None, "express") and not declared["LeaveDatabase"]:
        raise CommandError(
            f"the punches of {name} are in the database of '{database}', and 'express' is another. Set database to "
            f"'{database}'. To move, copy the rows first, and deploy once with --param leaveDatabase=true "
            "(docs/operations.md#go-on-with-the-restored-cluster).\nNothing was deployed."
        )
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_LENGTH:
        raise CommandError(
            f"--stage {stage}: its cluster would be {name}, and RDS takes lower-case letters, digits, single hyphens, "
            f"of which {_MAX_NAME_LENGTH} leave room for the writer's name. Name another stage. Nothing was deployed."
        )
    _exists(_client(session), stage)


class ClusterState(NamedTuple):
    """State of a stage's cluster."""

    name: str
    is_protected: bool
    is_kept: bool  # when the stage is removed


def find(session: "boto3.Session", stage: str) -> ClusterState | None:
    """Find what there is of a stage's cluster; None: nothing, or a cluster of somebody else."""
    rds, name = _client(session), stack_name(stage)
    if (cluster := _find_cluster(rds, name)) is None:  # its parameter group goes last
        return ClusterState(name, is_protected=False, is_kept=False) if _has_parameter_group(rds, name) else None
    if not _belongs_to_stage(cluster, stage):
        return None
    kept = _tags(cluster).get(_WHEN_DELETED) != "Delete"
    return ClusterState(name, is_protected=cluster["DeletionProtection"], is_kept=kept)


def delete(session: "boto3.Session", name: str, clock: Clock = CLOCK) -> None:
    """Delete a cluster with its instances, without a snapshot, and its parameter group.

    Raises:
        CommandError: it takes too long.
    """
    rds = _client(session)
    print_status(f"deleting the cluster {name}, which takes AWS 5 to 11 minutes")

    def undeleted() -> str | None:
        if cluster := _find_cluster(rds, name):
            for each in _instances(rds, name):
                if each["DBInstanceStatus"] != "deleting":
                    rds.delete_db_instance(DBInstanceIdentifier=each["DBInstanceIdentifier"])
            if cluster["Status"] != "deleting":
                rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
            return "the cluster is being deleted"
        if _has_parameter_group(rds, name):
            rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=name)
        return None

    late = f"the cluster {name} is not deleted yet. Run this again"
    _wait(undeleted, _DELETE_SECONDS, late, clock, status=1)


def _client(session: "boto3.Session") -> Any:
    return session.client("rds", config=config(attempts=8))  # RDS is throttled with the console, too


def _pending_changes(
    rds: Any, name: str, declared: ClusterSettings, clock: Clock
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what remains to be done to a cluster that is available, each with its name for people."""
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
    for key, what in changes.items():  # one by one: AWS may refuse one of them
        if not _has_value(cluster, key, declared[key]):
            yield what, partial(_change, rds, name, what, key, declared[key], clock)
    writer = _writer_instance(rds, cluster)
    if writer.get("AutoMinorVersionUpgrade"):
        step = partial(_disable_minor_upgrades, rds, name, writer["DBInstanceIdentifier"], clock)
        yield "its automatic minor version upgrades (off)", step
    group = cluster["DBClusterParameterGroup"]
    if group == name or group.startswith("default."):
        what = "the parameter group that keeps punches out of its log"
        yield what, partial(_apply_parameter_group, rds, name, declared, clock)
    else:
        print_status(f"left as it is: the parameter group {group}, which somebody gave the cluster")


def _change(rds: Any, name: str, what: str, key: str, value: object, clock: Clock) -> None:
    """Change one thing of a cluster."""
    parameter = "DBClusterParameterGroupName" if key == "DBClusterParameterGroup" else key
    request = partial(rds.modify_db_cluster, DBClusterIdentifier=name, ApplyImmediately=True, **{parameter: value})
    _request(rds, name, f"changing {what}", request, lambda cluster: _has_value(cluster, key, value), clock)


def _disable_minor_upgrades(rds: Any, name: str, writer: str, clock: Clock) -> None:
    """Turn off the writer's automatic minor version upgrades, as resources/cluster.yml does for a cluster of the stack.

    Aurora upgrades a cluster automatically only if each of its instances allows it.
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.VersionPolicy.Upgrading.html
    """
    key = "AutoMinorVersionUpgrade"
    request = partial(rds.modify_db_instance, DBInstanceIdentifier=writer, ApplyImmediately=True, **{key: False})
    what = "turning off automatic minor version upgrades"
    _request(rds, name, what, request, lambda cluster: not _writer_instance(rds, cluster).get(key), clock)


def _apply_parameter_group(rds: Any, name: str, declared: ClusterSettings, clock: Clock) -> None:
    """Give a cluster a parameter group of its own, of the version that AWS chose, and restart it, for it to count."""
    cluster = _require_cluster(rds, name)
    if not _has_parameter_group(rds, name):
        rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName=name,
            DBParameterGroupFamily=f"aurora-postgresql{cluster['EngineVersion'].partition('.')[0]}",
            Description="Keeps punches out of PostgreSQL's log",
            Tags=_to_tag_list(_declared_tags(declared)),
        )
    pages = rds.get_paginator("describe_db_cluster_parameters").paginate(
        DBClusterParameterGroupName=name, Source="user"
    )
    existing = {each["ParameterName"]: each.get("ParameterValue") for each in pages.search("Parameters[]")}
    if changed := declared["Parameters"].items() - existing.items():
        rds.modify_db_cluster_parameter_group(
            DBClusterParameterGroupName=name,
            Parameters=[
                {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "immediate"} for key, value in changed
            ],
        )
    is_new = cluster["DBClusterParameterGroup"] != name
    if is_new:
        _change(rds, name, "its parameter group", "DBClusterParameterGroup", name, clock)

    key = "DBClusterParameterGroupStatus"
    if is_new or _writer(_require_cluster(rds, name)).get(key) == "pending-reboot":
        what = "restarting the writer, from which on its parameter group counts"
        request = partial(rds.reboot_db_instance, DBInstanceIdentifier=_writer(cluster)["DBInstanceIdentifier"])
        _request(rds, name, what, request, lambda cluster: _writer(cluster).get(key) == "in-sync", clock)


def _request(
    rds: Any, name: str, what: str, request: Callable[[], Any], is_made: Callable[[Any], bool], clock: Clock
) -> None:
    """Request a change as soon as RDS takes it, and wait until it is made: AWS says available before it begins, too.

    `is_made` takes the description of the cluster.
    """

    def unrequested() -> None:
        request()

    def unfinished() -> str | None:
        return _describe_unready(rds, name) or (
            None if is_made(_require_cluster(rds, name)) else "the change is not made yet"
        )

    print_status(what)
    _wait(unrequested, _CHANGE_SECONDS, "AWS does not take the change", clock)
    _wait(unfinished, _CHANGE_SECONDS, "AWS took the change, and did not make it", clock)


def _wait(unfinished: Callable[[], str | None], seconds: float, late: str, clock: Clock, *, status: int = 2) -> None:
    """Look, or try, until nothing is unfinished; what AWS refuses for something that passes is.

    Args:
        unfinished: says what is; it is printed when it is something else than before, or has been so for long.
        seconds: for which it may be so.
        late: what is wrong then.
        status: with which the command ends.

    Raises:
        CommandError: it is so for longer.
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
            raise CommandError(f"{late}: after {seconds:.0f} s {state}", status)
        if state != before or now > printed + _PROGRESS_SECONDS:
            print_status(f"  {state}" + (f", {now - began:.0f} s so far" if state == before else ""))
            before, printed = state, now
        clock.sleep(_POLL_SECONDS)


def _describe_unready(rds: Any, name: str) -> str | None:
    """Describe what keeps a cluster and its writer from being used; None: nothing.

    Raises:
        CommandError: it is as no waiting changes.
    """
    cluster = _find_cluster(rds, name)
    if cluster is None:
        return "the cluster is not listed yet"
    status = cluster["Status"]
    if status in _UNUSABLE_STATUSES:
        raise CommandError(
            f"the cluster {name} is {status}. Nothing was deployed. "
            + ("Deploy once it is gone." if status == "deleting" else "See to it in the console, and deploy again.")
        )
    writer = _writer_instance(rds, cluster).get("DBInstanceStatus", "not there")
    return None if status == writer == "available" else f"the cluster is {status}, its writer {writer}"


def _exists(rds: Any, stage: str) -> bool:
    """Return whether a stage has its cluster.

    Raises:
        CommandError: the name is taken by another cluster.
    """
    name = stack_name(stage)
    if (cluster := _find_cluster(rds, name)) is None:
        return False
    if not _belongs_to_stage(cluster, stage):
        raise CommandError(
            f"there is a cluster {name} that is not of this stage: it has not the tags service and stage, or no "
            "internet access gateway. Rename or delete it, or deploy a stage of another name. Nothing was deployed."
        )
    return True


def _belongs_to_stage(cluster: Any, stage: str) -> bool:
    own = {"service": service(), "stage": stage}
    return cluster.get("InternetAccessGatewayEnabled", False) and _tags(cluster).items() >= own.items()


def _find_cluster(rds: Any, name: str) -> Any | None:
    try:
        return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    except rds.exceptions.DBClusterNotFoundFault:
        return None


def _require_cluster(rds: Any, name: str) -> Any:
    """Describe a cluster that was there.

    Raises:
        CommandError: it is not any more.
    """
    if (cluster := _find_cluster(rds, name)) is None:
        raise CommandError(f"the cluster {name} is gone: somebody deleted it meanwhile. Deploy again to make another.")
    return cluster


def _instances(rds: Any, name: str) -> list[Any]:
    pages = rds.get_paginator("describe_db_instances").paginate(Filters=[{"Name": "db-cluster-id", "Values": [name]}])
    return list(pages.search("DBInstances[]"))


def _writer(cluster: Any) -> Any:
    return next((each for each in cluster.get("DBClusterMembers", []) if each["IsClusterWriter"]), {})


def _writer_instance(rds: Any, cluster: Any) -> Any:
    """Describe the instance that is the writer of a cluster; empty: it is not there yet."""
    identifier = _writer(cluster).get("DBInstanceIdentifier")
    instances = _instances(rds, cluster["DBClusterIdentifier"])
    return next((each for each in instances if each["DBInstanceIdentifier"] == identifier), {})


def _has_parameter_group(rds: Any, name: str) -> bool:
    try:
        rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=name)
    except rds.exceptions.DBParameterGroupNotFoundFault:
        return False
    return True


def _has_value(cluster: Any, key: str, value: object) -> bool:
    found = cluster.get(key)
    return found.items() >= value.items() if isinstance(found, dict) and isinstance(value, Mapping) else found == value


def _declared_tags(declared: ClusterSettings) -> dict[str, str]:
    tags: dict[str, str] = declared["Tags"] | {_WHEN_DELETED: declared["WhenDeleted"]}
    return tags


def _tags(cluster: Any) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in cluster.get("TagList", [])}


def _to_tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
