"""What `ponto deploy` does for a slice."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from slices import enabled

if TYPE_CHECKING:
    import boto3


class Deployment(NamedTuple):
    """A stage that stores punches."""

    session: "boto3.Session"
    stage: str
    outputs: Mapping[str, str]  # of the stack
    url: str  # where the API takes punches
    needs_token: bool  # whether employees must sign in to punch


class DeployResult(NamedTuple):
    """What `ponto deploy` prints of a slice."""

    key: str  # for --json
    value: Any
    line: str | None = None  # for people


class SecondUpdate(NamedTuple):
    """A resource that a stage's first update leaves out, because AWS may refuse it."""

    resource: str  # its logical id
    parameter: str  # with which it is left out
    reason: str


class DeployHook(NamedTuple):
    """What `ponto deploy` does for a slice."""

    finish: Callable[[Deployment], DeployResult]  # once the stage stores punches
    second_update: SecondUpdate | None = None


def deploy_hooks() -> list[DeployHook]:
    """Return what the slices add to `ponto deploy`."""
    return enabled.collect(lambda each: each.deploy_hook())
