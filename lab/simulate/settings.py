"""Settings of the simulated queues, mapping and function, from a compiled template."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tools.kit.osls import DRAIN_ID
from tools.kit.packaging import Template, copy_project, package

_DRAIN = f"{DRAIN_ID}LambdaFunction"
_MAPPING = f"{DRAIN_ID}EventSourceMappingSQSQueue"
# Variables that Lambda sets in each function. The login by IAM signs its tokens with them.
_LAMBDA_VARIABLES = dict.fromkeys(("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "simulated")


class SimulationSettings(NamedTuple):
    """Settings of a deployment, and of a mutant of its code."""

    visibility_timeout_seconds: int  # of the queue of punches
    retention_seconds: int  # of the queue of punches
    dead_letter_retention_seconds: int
    max_receive_count: int
    batch_size: int
    window_seconds: int
    concurrency: int
    timeout_seconds: int  # of the function
    environment: dict[str, str]
    should_answer_success: bool = False  # a mutant of the code; see `mutants.MUTANTS`
    # Assumed duration of a batch, from its receipt to its deletion.
    batch_milliseconds: float = 39
    row_milliseconds: float = 0.11


def from_template(template: Template) -> SimulationSettings:
    """Return the settings in a compiled template."""
    queue, dead_letter_queue = template.properties("Queue"), template.properties("DeadLetterQueue")
    mapping, function = template.properties(_MAPPING), template.properties(_DRAIN)
    return SimulationSettings(
        visibility_timeout_seconds=queue["VisibilityTimeout"],
        retention_seconds=queue["MessageRetentionPeriod"],
        dead_letter_retention_seconds=dead_letter_queue["MessageRetentionPeriod"],
        max_receive_count=queue["RedrivePolicy"]["maxReceiveCount"],
        batch_size=mapping["BatchSize"],
        window_seconds=int(mapping["MaximumBatchingWindowInSeconds"]),
        concurrency=mapping["ScalingConfig"]["MaximumConcurrency"],
        timeout_seconds=function["Timeout"],
        environment=_LAMBDA_VARIABLES
        | {name: _resolve(value) for name, value in sorted(function["Environment"]["Variables"].items())}
        | {"DB_PORT": "5432"},  # CloudFormation inserts the number of the cluster's port
    )


def compile_stage(stage: str) -> SimulationSettings:
    """Compile the template of a stage, and return its settings.

    Raises:
        CommandError: the stage cannot be compiled.
    """
    with TemporaryDirectory(prefix="ponto-") as folder:
        return from_template(package(copy_project(Path(folder) / "project"), stage).template())


def _resolve(value: object) -> str:
    """Return the value of an environment variable, or a substitute if CloudFormation computes it."""
    return value if isinstance(value, str) else "https://simulated/" + json.dumps(value)
