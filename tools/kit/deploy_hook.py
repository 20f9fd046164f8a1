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
    outputs: Mapping[str, str]  # of the stack
    url: str  # address to which punches are posted
    needs_token: bool  # whether employees must sign in to punch


class DeployResult(NamedTuple):
    """Result of a slice's hook, which `ponto deploy` prints."""

    key: str  # key of `value` in the output of --json
    value: Any
    line: str | None = None  # line of the output without --json


class SecondUpdate(NamedTuple):
    """A resource that the first update of a new stage leaves out, because AWS may refuse it."""

    resource: str  # its logical id
    parameter: str  # NAME=VALUE with which it is left out
    reason: str


class DeployHook(NamedTuple):
    """Work of `ponto deploy` and `make run` for a slice."""

    finish: Callable[[DeployedStage], DeployResult]  # called once the stage stores punches
    second_update: SecondUpdate | None = None
    local_files: "LocalFiles | None" = None  # files that `make run` serves


def deploy_hooks() -> list[DeployHook]:
    """Return the hooks of the slices."""
    return enabled.collect(lambda each: each.deploy_hook())


def local_files() -> "list[LocalFiles]":
    """Return the files of slices that `make run` serves."""
    return [hook.local_files for hook in deploy_hooks() if hook.local_files]
