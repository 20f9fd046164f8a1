"""Hooks of slices into `ponto deploy` and `make run`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from slices import enabled

if TYPE_CHECKING:
    import boto3

    from tools.kit.static import LocalFiles


class DeployedStage(NamedTuple):
    """A deployed stage that stores punches."""

    session: "boto3.Session"
    stage: str
    outputs: Mapping[str, str]  # the stack's outputs, by name
    url: str  # address to which punches are posted
    needs_token: bool  # whether employees must sign in to punch


class DeployResult(NamedTuple):
    """Result of a slice's hook, which `ponto deploy` prints."""

    key: str  # key of `value` in the output of --json
    value: Any
    line: str | None = None  # line of the output without --json


class SecondUpdate(NamedTuple):
    """A resource that only the second update of a new stage creates, because AWS may refuse it in the first."""

    resource: str  # its logical id
    parameter: str  # NAME=VALUE that excludes it from the first update
    reason: str


class DeployHook(NamedTuple):
    """Work of `ponto deploy` and `make run` for a slice."""

    finish: Callable[[DeployedStage], DeployResult]  # called once the stage stores punches
    second_update: SecondUpdate | None = None
    local_files: "LocalFiles | None" = None  # files that `make run` serves


def deploy_hooks() -> list[DeployHook]:
    """Return the hooks of the slices."""
    return enabled.collect(lambda definition: definition.deploy_hook())


def local_files() -> "list[LocalFiles]":
    """Return the files of slices that `make run` serves."""
    return [hook.local_files for hook in deploy_hooks() if hook.local_files]
