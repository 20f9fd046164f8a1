"""Settings of a stage that a forecast and a bill need, from resources/parameters.yml."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from tools.kit import slice_manifests, stage_parameters
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

# Duration of a batch, and of each punch in it. The handler stores 10, 100 and 1,000 punches in 0.8, 2.4 and 21 ms on a
# whole core. 256 MB have 256/1769 of a core: 4 ms, and 0.14 ms a punch.
# The other 36 ms are assumed for the network between SQS, function and Aurora; a deployment's log has better values.
BATCH_MILLISECONDS, PUNCH_MILLISECONDS = 40.0, 0.14

# Rows/s of each ACU. PostgreSQL takes 41 us of CPU for a row in batches of 10, and 15 us in batches of 100 (the same
# section). An ACU is assumed to be a quarter of a core (2 GiB of 8 GiB), so this is a cautious value.
DATABASE_ROWS = 5_000

RESUME_SECONDS = 30  # time that a paused database takes to resume

_ESSENTIAL_METRICS = 3  # used by the alarms of a stage with `alarms: essential`

_NONE = ("", "none")  # an optional parameter without a value


class StageSettings(NamedTuple):
    """Settings of a deployment."""

    stage_rate: float  # requests/s
    concurrency: int  # batches at once
    batch: int  # punches in a full batch
    batch_milliseconds: float  # of a full batch, from its receipt to its deletion
    database_rows: float  # rows/s that the database stores at most
    memory: int  # MB of the function
    pause_seconds: int  # idle time after which the database pauses
    fair_queue: bool  # whether messages have a group id
    alarm_metrics: int  # of the alarms, without those of slices
    dashboards: int
    keys: int  # KMS keys, for the alarms' topic
    endpoints: int  # VPC endpoints of a new network, counted in each zone
    secrets: int  # in Secrets Manager, with passwords
    has_cluster: bool  # False: an existing database, which is paid for already


def read(
    stage: str, parameter_values: Mapping[str, str] | None = None, *, may_be_unlisted: bool = False
) -> StageSettings:
    """Read the settings of a stage.

    Args:
        stage: name of the stage.
        parameter_values: parameters of a deploy (`--param`), by their names.
        may_be_unlisted: whether a stage that is not in resources/parameters.yml has the defaults, as in a deploy.

    Raises:
        CommandError: there is no such stage or parameter, or a number is not above 0.
    """
    stages = stage_parameters.stages()
    if stage not in stages and not may_be_unlisted:
        raise CommandError(f"resources/parameters.yml has no stage {stage}; it has {', '.join(stages)}")
    values = stage_parameters.defaults() | stages.get(stage, {})
    if unknown := sorted((parameter_values or {}).keys() - values.keys()):
        raise CommandError(f"resources/parameters.yml has no parameter {', '.join(unknown)}")
    values |= parameter_values or {}

    def lowest(*names: str) -> float:
        texts = [values[name] for name in names]
        if not all(re.fullmatch(r"(?=.*[1-9])\d*\.?\d+", text) for text in texts):
            raise CommandError(
                f"resources/parameters.yml, stage {stage}: {' or '.join(names)} is not a number above 0: {texts}"
            )
        return min(map(float, texts))

    reserved = [name for name in ["drainConcurrency"] if values[name] not in _NONE]
    batch = int(lowest("drainBatchSize"))
    secrets = _secrets(values)
    has_cluster = values["database"] != "existing"
    creates_network = values["database"] == "create" and not values["vpcName"] + values["vpcId"]
    services = 1 + bool(secrets)  # with a VPC endpoint: SQS and, for passwords, Secrets Manager
    return StageSettings(
        stage_rate=lowest("stageRateLimit", "keyRateLimit"),
        concurrency=int(lowest("drainMaximumConcurrency", *reserved)),
        batch=batch,
        batch_milliseconds=BATCH_MILLISECONDS + PUNCH_MILLISECONDS * batch,
        database_rows=lowest("maximumAcu") * DATABASE_ROWS,
        memory=int(lowest("functionMemory")),
        pause_seconds=int(lowest("secondsUntilAutoPause")),
        fair_queue=values["fairQueue"] == "true",
        alarm_metrics=_alarm_metrics(has_cluster=has_cluster) if values["alarms"] == "all" else _ESSENTIAL_METRICS,
        dashboards=int(values["dashboard"] == "true"),
        keys=int(values["alarmTopicKey"] == "true" and not values["alarmTopicArn"]),
        endpoints=creates_network * services * int(lowest("endpointZones")),
        secrets=secrets,
        has_cluster=has_cluster,
    )


def _alarm_metrics(*, has_cluster: bool) -> int:
    """Return the number of metrics that AWS charges for the alarms in resources/alarms.yml."""
    text = (ROOT / "resources" / "alarms.yml").read_text(encoding="utf-8")
    groups: Any = yaml.load(text, yaml.BaseLoader)  # noqa: S506  texts only
    names = ["metricAlarms", "expressionAlarms", *(["clusterAlarms"] if has_cluster else [])]
    alarms = [alarm for name in names for alarm in groups[name].values()]
    # An alarm with metric math lists metrics and expressions; any other has one metric.
    return sum("MetricStat" in metric for alarm in alarms for metric in alarm.get("Metrics", [{"MetricStat": {}}]))


def _secrets(values: Mapping[str, str]) -> int:
    """Count a stack's secrets: one for each function that signs in by password, and the cluster owner's."""
    existing = values["database"] == "existing"
    login = values["dbLogin"] if values["dbLogin"] not in _NONE else ("secret" if existing else "iam")
    if login == "iam" or (existing and not values["dbSecretArn"]):
        return 0
    return 2 + len(list(slice_manifests.endpoints())) + (not existing)
