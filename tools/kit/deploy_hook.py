"""What `ponto deploy` and `make run` do for a slice."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from slices import enabled

if TYPE_CHECKING:
    import boto3

    from tools.kit.static import LocalFiles


class DeployedStage(NamedTuple):
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
    """What `ponto deploy` and `make run` do for a slice."""

    finish: Callable[[DeployedStage], DeployResult]  # once the stage stores punches
    second_update: SecondUpdate | None = None
    local_files: "LocalFiles | None" = None  # that `make run` serves


def deploy_hooks() -> list[DeployHook]:
    """Return the hooks of the slices."""
    return enabled.collect(lambda each: each.deploy_hook())


def local_files() -> "list[LocalFiles]":
    """Return the files of slices that `make run` serves."""
    return [hook.local_files for hook in deploy_hooks() if hook.local_files]
