"""A stage as osls compiles it, and the parameters that compile it."""

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ponto import enabled_slices
from ponto.shared import config
from tools.kit import stage_parameters
from tools.kit.deploy_hook import DeferredResource, DeployHook
from tools.kit.errors import CommandError
from tools.kit.osls import DATABASE_CLUSTER
from tools.kit.output import print_status
from tools.kit.target import TargetOptions
from tools.operate.deploy import express, quotas

CLUSTER_PROTECTION = DeferredResource(
    DATABASE_CLUSTER,
    "deletionProtection=false",
    "the first update creates the cluster without protection from deletion, so that a failed deploy leaves no cluster",
)


class CompiledStage(NamedTuple):
    """Properties of a compiled stage that the next steps need."""

    is_protected: bool  # from deletion: a stage that employees use
    needs_token: bool  # whether punches need a sign-in, which this command does not have
    demand: quotas.Demand
    deferred_resources: Sequence[DeferredResource] = ()
    express_settings: express.ClusterSettings | None = None  # of a cluster outside the stack
    deployment_role: str | None = None  # with which CloudFormation changes the stack; None: with the user's rights
    notifies_nobody: bool = False  # whether employees use it, and its topic of alarms has no subscription


def add_deployed_database(stage: str, params: Sequence[str], deployed: str | None) -> Sequence[str]:
    """Return a deploy's parameters, with `database=express` added for a stack with such a database.

    It is not added if the parameters or the stage name a database. The default, `create`, would be refused.
    """
    stage_values = stage_parameters.stages().get(stage, {})
    if deployed != "express" or "database" in stage_values or any(param.startswith("database=") for param in params):
        return params
    print_status("database: express, as in the last deploy")
    return [*params, "database=express"]


def deploy_command(target_options: TargetOptions, params: Sequence[str], *changes: str) -> str:
    """Return the shell command that deploys a stage with some parameters changed."""
    names = {change.partition("=")[0] for change in changes}
    unchanged = [param for param in params if param.partition("=")[0] not in names]
    account = [("--region", target_options.region), ("--profile", target_options.profile)]
    words = [word for option, value in account if value for word in (option, value)]
    words += [word for param in (*unchanged, *changes) for word in ("--param", param)]
    return f'make deploy STAGE={target_options.stage} ARGS="{shlex.join(words)}"'


def read_compiled_stage(package: Path, hooks: Sequence[DeployHook] = ()) -> CompiledStage:
    """Read the output of `sls package`.

    Raises:
        CommandError: a parameter has a value that the functions could not read.
    """
    configuration = json.loads((package / "serverless-state.json").read_text(encoding="utf-8"))["service"]
    template = read_template(package)
    resources = template["Resources"]
    environment = resources["SchemaLambdaFunction"]["Properties"]["Environment"]["Variables"]
    try:
        config.parse_time_zone(environment["TIME_ZONE"])
        for hook in enabled_slices.schema_hooks():
            if hook.prepare_post_migration:
                hook.prepare_post_migration(environment)
    except config.ConfigurationError as error:
        raise CommandError(f"{error} Nothing was deployed.") from None
    is_cluster_protected = resources.get(DATABASE_CLUSTER, {}).get("Properties", {}).get("DeletionProtection")
    candidates = [CLUSTER_PROTECTION if is_cluster_protected else None, *(hook.deferred_resource for hook in hooks)]
    deferred_resources = tuple(candidate for candidate in candidates if candidate and candidate.logical_id in resources)
    is_protected = configuration["provider"]["deletionProtection"]
    return CompiledStage(
        is_protected=is_protected,
        needs_token=resources["PostEvent"]["Properties"]["AuthorizationType"] != "NONE",
        demand=quotas.read_demand(template, deferred_resources),
        express_settings=template.get("Metadata", {}).get("ExpressCluster"),
        deferred_resources=deferred_resources,
        deployment_role=configuration["provider"]["iam"]["deploymentRole"],
        notifies_nobody=is_protected and "AlarmTopic" in resources and "AlarmEmail" not in resources,
    )


def read_template(package: Path) -> Any:
    """Return the compiled template from the output of `sls package`."""
    return json.loads((package / "cloudformation-template-update-stack.json").read_text(encoding="utf-8"))


def code_sha256(package: Path, function: Any) -> str:
    """Return the hash of a compiled function's zip, as Lambda computes it."""
    zip_file = package / Path(function["Properties"]["Code"]["S3Key"]).name
    return base64.b64encode(hashlib.sha256(zip_file.read_bytes()).digest()).decode()
