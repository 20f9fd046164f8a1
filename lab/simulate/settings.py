"""What is deployed, as the compiled template has it: queues, mapping and function."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tools.kit.errors import CommandError
from tools.kit.packaging import Template, copy_project, package

_FUNCTION = "BatidaPontoLambdaFunction"
_MAPPING = "BatidaPontoEventSourceMappingSQSPunchQueue"
# What Lambda gives each function besides, which a login by IAM signs its tokens with.
_LAMBDA_VARIABLES = dict.fromkeys(("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "simulated")


class SimulationSettings(NamedTuple):
    """Times are in seconds."""

    visibility_timeout_seconds: int  # timeout of the queue of punches
    retention_seconds: int  # of the queue of punches
    dead_letter_retention_seconds: int
    max_receive_count: int
    batch_size: int
    window_seconds: int
    concurrency: int
    timeout_seconds: int  # of the function
    environment: dict[str, str]
    # Of code, not of the template: what `--fault` plants.
    should_commit_late: bool = False
    should_answer_success: bool = False
    has_look_up: bool = True
    # What the model takes a batch to cost, from its receipt to its deletion: milliseconds.
    batch_milliseconds: float = 39
    row_milliseconds: float = 0.11


def read_template_file(file: Path) -> SimulationSettings:
    """Read a compiled template.

    Raises:
        CommandError: it is none, or not of this project.
    """
    try:
        return from_template(Template(json.loads(file.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{file} is no compiled template of this project: {error!r}") from None


def from_template(template: Template) -> SimulationSettings:
    """Read what the simulator needs of a compiled template."""
    queue, dead = template.properties("PunchQueue"), template.properties("DeadLetterQueue")
    mapping, function = template.properties(_MAPPING), template.properties(_FUNCTION)
    return SimulationSettings(
        visibility_timeout_seconds=queue["VisibilityTimeout"],
        retention_seconds=queue["MessageRetentionPeriod"],
        dead_letter_retention_seconds=dead["MessageRetentionPeriod"],
        max_receive_count=queue["RedrivePolicy"]["maxReceiveCount"],
        batch_size=mapping["BatchSize"],
        window_seconds=int(mapping["MaximumBatchingWindowInSeconds"]),
        concurrency=mapping["ScalingConfig"]["MaximumConcurrency"],
        timeout_seconds=function["Timeout"],
        environment=_LAMBDA_VARIABLES
        | {name: _resolve(value) for name, value in sorted(function["Environment"]["Variables"].items())}
        | {"DB_PORT": "5432"},  # which the cluster would fill in with a number
    )


def compile_stage(stage: str) -> SimulationSettings:
    """Compile a stage.

    Raises:
        CommandError: it cannot be compiled.
    """
    with TemporaryDirectory(prefix="ponto-") as folder:
        return read_template_file(package(copy_project(Path(folder) / "project"), stage).template_file)


def _resolve(value: object) -> str:
    """Give a variable a value where CloudFormation would fill it in."""
    return value if isinstance(value, str) else "https://simulated/" + json.dumps(value)
