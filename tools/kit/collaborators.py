"""Dependencies of commands, which tests replace through an argument of `tools.cli.main`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from tools.kit import osls
from tools.kit.clock import CLOCK, Clock
from tools.kit.deploy_hook import DeployHook, deploy_hooks


@dataclass(frozen=True)
class Collaborators:
    """Dependencies of a command, apart from AWS, files and the terminal."""

    clock: Clock = CLOCK
    run_sls: Callable[..., int] = osls.run
    deploy_hooks: Callable[[], Sequence[DeployHook]] = deploy_hooks


pass_collaborators = click.make_pass_decorator(Collaborators, ensure=True)
