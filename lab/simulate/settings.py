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
_OF_LAMBDA = dict.fromkeys(("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "simulated")


class Settings(NamedTuple):
    """Times are in seconds."""

    visibility: int  # timeout of the queue of punches
    retention: int  # of the queue of punches
    dead_letter_retention: int
    most_receives: int
    batch: int
    window: int
    concurrency: int
    timeout: int  # of the function
    environment: dict[str, str]
    # Of code, not of the template: what `--fault` plants.
    commit_late: bool = False
    answer_success: bool = False
    look_up: bool = True
    # What the model takes a batch to cost, from its receipt to its deletion: milliseconds.
    batch_milliseconds: float = 39
    row_milliseconds: float = 0.11


def of_file(file: Path) -> Settings:
    """Read a compiled template.

    Raises:
        CommandError: it is none, or not of this project.
    """
    try:
        return of_template(Template(json.loads(file.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{file} is no compiled template of this project: {error!r}") from None


def of_template(template: Template) -> Settings:
    """Read what the simulator needs of a compiled template."""
    queue, dead = template.properties("PunchQueue"), template.properties("DeadLetterQueue")
    mapping, function = template.properties(_MAPPING), template.properties(_FUNCTION)
    return Settings(
        visibility=queue["VisibilityTimeout"],
        retention=queue["MessageRetentionPeriod"],
        dead_letter_retention=dead["MessageRetentionPeriod"],
        most_receives=queue["RedrivePolicy"]["maxReceiveCount"],
        batch=mapping["BatchSize"],
        window=int(mapping["MaximumBatchingWindowInSeconds"]),
        concurrency=mapping["ScalingConfig"]["MaximumConcurrency"],
        timeout=function["Timeout"],
        environment=_OF_LAMBDA
        | {name: _filled_in(value) for name, value in sorted(function["Environment"]["Variables"].items())}
        | {"DB_PORT": "5432"},  # which the cluster would fill in with a number
    )


def of_stage(stage: str) -> Settings:
    """Compile a stage.

    Raises:
        CommandError: it cannot be compiled.
    """
    with TemporaryDirectory(prefix="ponto-") as folder:
        return of_file(package(copy_project(Path(folder) / "project"), stage).template_file)


def _filled_in(value: object) -> str:
    """Give a variable a value where CloudFormation would fill it in."""
    return value if isinstance(value, str) else "https://simulated/" + json.dumps(value)
