"""Checks of a deploy before it changes anything. A preview makes the same checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit.deploy_hook import DeferredResource
from tools.kit.errors import CommandError
from tools.kit.osls import DATABASE_CLUSTER, deployed_database, find_stack, has_resource, stack_name
from tools.kit.output import print_status
from tools.kit.target import TargetOptions, explain
from tools.operate.deploy import express, leftovers, quotas, stack_state
from tools.operate.deploy.compiled_stage import CompiledStage, deploy_command

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudformation import CloudFormationClient

_Value = TypeVar("_Value")
_PLAN = "the account's plan"


@dataclass
class Checks:
    """Results of the checks of a deploy."""

    force: bool  # whether to continue after those refusals that allow it
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # with reasons
    refusals: list[str] = field(default_factory=list)
    forced: list[str] = field(default_factory=list)  # refusals without effect because of `force`
    remedy: str | None = None  # command that deploys with what the account allows
    notes: list[str] = field(default_factory=list)
    deferred_resources: Sequence[DeferredResource] = ()  # which a second update adds

    def look_up(self, subject: str, function: Callable[[], _Value], *, is_required: bool = False) -> _Value | None:
        """Return the value of a function, and record what it looked up; None: AWS refused it.

        Args:
            subject: what the function looks up.
            function: function that calls AWS.
            is_required: whether the deploy is refused if AWS refuses; otherwise the subject is recorded as unchecked.
        """
        try:
            value = function()
        except (BotoCoreError, ClientError) as error:
            if is_required:
                self.refusals.append(f"{subject}: {explain(error)}")
            else:
                self.unchecked.append(f"{subject} ({explain(error)})")
            return None
        self.checked.append(subject)
        return value

    def refuse(self, problem: str | None, *, can_be_forced: bool = False) -> None:
        """Refuse the deploy if there is a problem; if it can be forced and is, only record the problem."""
        if problem and can_be_forced and self.force:
            self.forced.append(problem)
        elif problem:
            self.refusals.append(f"{problem}\nOr deploy with --force." if can_be_forced else problem)

    def require(self) -> None:
        """Print what was forced, what was not checked and the notes, and end the deploy if it is refused.

        Raises:
            CommandError: the message has all refusals.
        """
        for text in self.forced:
            print_status(*text.splitlines(), "Continuing because of --force.")
        print_status(*(f"not checked: {text}" for text in self.unchecked), *self.notes)
        if self.refusals:
            remedies = [f"Deploy with what the account allows:\n{self.remedy}"] if self.remedy else []
            raise CommandError("\n\n".join([*self.refusals, *remedies, "Nothing was deployed."]))


def require_deployable(cloudformation: "CloudFormationClient", stage: str) -> str | None:
    """Return the `database` with which a stage was deployed; None if it is not deployed yet.

    Raises:
        CommandError: a version before 1.0 deployed it, or its stack has another state.
    """
    stack_state.require_deployable(cloudformation, stage)
    database = deployed_database(cloudformation, stage)
    if database == "unknown":
        raise CommandError(
            f"{stack_name(stage)} was deployed by a version before 1.0, and cannot be updated: deploy another stage, "
            "and copy the rows (docs/operations.md#copy-the-rows-of-an-older-stage).\nNothing was deployed."
        )
    return database


def check(
    session: "boto3.Session",
    target_options: TargetOptions,
    params: Sequence[str],
    compiled: CompiledStage,
    database: str | None,
    *,
    force: bool,
) -> Checks:
    """Make all checks of a compiled stage. A refusal does not prevent the other checks.

    Args:
        session: session for the account and region.
        target_options: the stage's options.
        params: parameters with which it was compiled, NAME=VALUE.
        compiled: the compiled stage.
        database: as `require_deployable` returned it.
        force: whether to continue after those refusals that allow it.
    """
    stage, stack, demand = target_options.stage, stack_name(target_options.stage), compiled.demand
    checks = Checks(force)

    found = []
    if demand.creates_cluster or demand.is_express:
        found.append(checks.look_up(_PLAN, partial(quotas.check_plan, session, demand)))
        if _PLAN not in checks.checked and database is None and demand.creates_cluster:
            found.append(quotas.UNKNOWN_PLAN)
    concurrency = partial(quotas.check_concurrency, session, demand.reserved)
    found.append(checks.look_up("the concurrency of functions", concurrency))
    shortages = [*filter(None, found)]
    for shortage in shortages:
        checks.refuse(shortage.text, can_be_forced=True)
    if shortages and not force:
        changes = dict.fromkeys(change for shortage in shortages for change in shortage.parameters)
        checks.remedy = deploy_command(target_options, params, *changes)

    description: Any = find_stack(session.client("cloudformation"), stage) or {}
    if compiled.deployment_role:
        print_status(f"CloudFormation changes the stack as {compiled.deployment_role}")
    elif stack_role := description.get("RoleARN"):
        checks.refuse(
            f"CloudFormation changes the stack {stack} as {stack_role}, and would again, without your rights. Deploy "
            f"with --param deploymentRole={stack_role}, and the same permissionsBoundary as before "
            "(docs/deploy.md#deploy-from-github)."
        )

    has_cluster = None
    if demand.creates_cluster:
        # If this is not known, the cluster is protected from the start, and stays if the deploy fails.
        find_resource = partial(has_resource, session.client("cloudformation"), stack, DATABASE_CLUSTER)
        has_cluster = checks.look_up("the stack's cluster", find_resource)
        if has_cluster is False:
            find_cluster = partial(leftovers.find_cluster, session, stack, database)
            checks.refuse(checks.look_up("clusters that an earlier stack left", find_cluster, is_required=True))
    if settings := compiled.express_settings:
        find_obstacle = partial(express.find_obstacle, session, stage, settings, database)
        checks.refuse(checks.look_up("the express cluster", find_obstacle, is_required=True))
    # A deployed page would get another address, and phones have unsent punches at the old one.
    checks.deferred_resources = [
        deferred
        for deferred in compiled.deferred_resources
        if (has_cluster is False if deferred.logical_id == DATABASE_CLUSTER else database is None)
    ]
    if compiled.notifies_nobody:
        checks.notes.append(
            "no one is notified of its alarms, which cost a few dollars a month: set alarmEmail or alarmTopicArn, or "
            "subscribe to the topic AlarmTopicArn of its outputs"
        )
    return checks
