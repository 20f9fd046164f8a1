"""Hooks of slices into `ponto deploy` and `make run`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto import enabled_slices

if TYPE_CHECKING:
    import boto3

    from tools.kit.static import LocalFiles


class DeployedStage(NamedTuple):
    """A deployed stage that stores punches."""

    session: "boto3.Session"
    stage: str
    outputs: Mapping[str, str]  # of the stack
    url: str  # address to which punches are posted
    needs_token: bool  # whether the stage requires sign-in


class HookResult(NamedTuple):
    """Result of a slice's hook, which `ponto deploy` prints."""

    key: str  # key of `value` in the output of --json
    value: Any
    line: str | None = None  # line of the output without --json


class DeferredResource(NamedTuple):
    """A resource that the first update of a new stage omits or creates differently; a second update corrects it."""

    logical_id: str
    parameter: str  # NAME=VALUE of the first update
    reason: str  # printed before the first update


class DeployHook(NamedTuple):
    """Additions of a slice to `ponto deploy` and `make run`."""

    after_deploy: Callable[[DeployedStage], HookResult]  # called once the stage stores punches
    deferred_resource: DeferredResource | None = None
    local_files: "LocalFiles | None" = None  # files that `make run` serves


def deploy_hooks() -> list[DeployHook]:
    """Return the hooks of the slices."""
    return list(enabled_slices.collect("deploy_hook", "HOOK").values())


def local_files() -> "list[LocalFiles]":
    """Return the files of slices that `make run` serves."""
    return [hook.local_files for hook in deploy_hooks() if hook.local_files]
