"""`ponto deploy`: deploy a stage, migrate its database, and prove with one punch that it works."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from ponto.punch import EVENT
from tools.kit import commands, osls, shared_options, target
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.deploy_hook import DeployedStage, DeployHook, HookResult
from tools.kit.errors import CommandError
from tools.kit.osls import stack_outputs
from tools.kit.output import camel_case, confirm, print_json, print_result, print_status
from tools.kit.target import TargetOptions
from tools.operate.deploy import checks, express, preview, proof, service_role, stack_state
from tools.operate.deploy.compiled_stage import CompiledStage, add_deployed_database, read_compiled_stage

_EPILOG = """examples:
  ponto deploy --stage dev
  ponto deploy --stage dev --preview      what a deploy would change
  ponto deploy --stage prod --yes --json      without a confirmation, as in CI
  ponto deploy --stage dev --param tracing=true --param alarmEmail=a@example.com
  ponto deploy --stage dev --param database=express      no VPC; possible on AWS's Free plan

exit status: 0 done, 1 deployed but not migrated or not proven, 2 not deployed; --preview: 0 accepted, 2 refused
"""


@commands.command(epilog=_EPILOG)
@click.option("--stage", required=True, help="Stage to deploy: a section of resources/parameters.yml, or a new name.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation if the stage is protected.")
@click.option(
    "--force",
    is_flag=True,
    help="Deploy even if the account's plan or quota may not suffice.",
)
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter for this deploy only; repeatable."
)
@click.option(
    "--preview",
    "is_preview",
    is_flag=True,
    help="Print what a deploy would change, cost and be refused for; deploy nothing.",
)
@shared_options.as_json
@target.account_options
@pass_collaborators
def deploy(
    collaborators: Collaborators,
    target_options: TargetOptions,
    params: Sequence[str],
    *,
    yes: bool,
    force: bool,
    is_preview: bool,
    as_json: bool,
) -> int:
    """Deploy a stage, migrate it, and prove it with one punch.

    Prints the account and region, and checks the stack's state, the account's plan and quota, and whether an earlier
    deploy left a cluster; if this refuses the deploy, prints all refusals and changes nothing. Then runs
    `sls deploy --force`, checks that the stack was updated, applies the migrations, sends one punch of a reserved
    employee and waits for its row, and runs the deploy steps of slices. The first `sls deploy` of a stage leaves out
    the protection of its cluster from deletion and resources that AWS may refuse, and a second one adds them. With
    `database: express` the cluster is created before `sls deploy`, because CloudFormation cannot create it; later
    deploys keep this database by default. You can repeat the command at any time, even after it was interrupted.
    """
    if is_preview:
        return preview.run(collaborators, target_options, params, force=force, as_json=as_json)
    account = target.announce(target_options)
    hooks = collaborators.deploy_hooks()
    compiled = _deploy(collaborators, hooks, account, target_options, params, is_confirmed=yes, force=force)
    try:
        summary, slice_results = _migrate_and_prove(hooks, account, target_options.stage, compiled)
    except CommandError as error:
        raise CommandError(str(error), status=1) from error
    except (BotoCoreError, ClientError) as error:
        raise CommandError(
            f"{target.explain(error)}\nThe stage is deployed, but not proven to work. Fix the cause, and deploy again.",
            status=1,
        ) from error
    if as_json:
        print_json(camel_case(summary) | {result.key: result.value for result in slice_results})
        return 0
    print_result(
        "deployed   {stage}, account {account}, region {region}".format(**summary)
        + ("; the stack is protected from deletion" if compiled.is_protected else ""),
        f"migrated   {', '.join(summary['applied']) or 'nothing to do'}",
        "proven     punch {id} was stored {seconds:.1f} s after it was accepted".format(**summary["punch"]),
        f"URL        {summary['url']}",
        f"API key    {summary['show_key']}",
        *(result.line for result in slice_results if result.line),
    )
    return 0


def _migrate_and_prove(
    hooks: Sequence[DeployHook], account: target.Account, stage: str, compiled: CompiledStage
) -> tuple[dict[str, Any], list[HookResult]]:
    """Return the output of --json without the slices' part, and the slices' results."""
    session = account.session
    outputs = stack_outputs(session.client("cloudformation"), stage)
    # No retries: a second call of a slow migration would only wait for the first.
    functions = session.client("lambda", config=target.config(attempts=1, **target.LONG_CALL_SETTINGS))
    print_status("applying the migrations")
    migrated = proof.invoke_schema(functions, stage, {"action": "migrate"})
    for notice in migrated["notices"]:
        print_status(f"  {notice}")
    print_status(f"sending a punch of the reserved employee {EVENT.reserved_subject}")
    deployment = target.from_outputs(session, stage, outputs)
    punch_id, message_id = proof.send_punch(deployment, outputs["ApiKeyId"], needs_token=compiled.needs_token)
    proven = proof.wait_for_row(functions, stage, punch_id, message_id)
    deployed = DeployedStage(session, stage, outputs, deployment.api_url, compiled.needs_token)
    key_id = outputs["ApiKeyId"]  # the key itself is never printed
    show_key = f"aws apigateway get-api-key --include-value --query value --output text --region {session.region_name}"
    summary = {
        "stage": stage,
        "account": account.id,
        "region": session.region_name,
        "is_protected": compiled.is_protected,
        "applied": migrated["applied"],
        "notices": migrated["notices"],
        "punch": proven._asdict(),
        "url": deployment.api_url,
        "key_id": key_id,
        "show_key": f"{show_key} --api-key {key_id}",
    }
    return summary, [hook.after_deploy(deployed) for hook in hooks]


def _deploy(
    collaborators: Collaborators,
    hooks: Sequence[DeployHook],
    account: target.Account,
    target_options: TargetOptions,
    params: Sequence[str],
    *,
    is_confirmed: bool,
    force: bool,
) -> CompiledStage:
    """Deploy a stage, and return its properties."""
    session, stage = account.session, target_options.stage
    cloudformation = session.client("cloudformation")
    database = checks.require_deployable(cloudformation, stage)
    params = add_deployed_database(stage, params, database)

    def sls(command: str, *options: object, extra_params: Sequence[str] = (), update_name: str = "") -> None:
        words = ["--stage", stage, "--region", session.region_name, *map(str, options)]
        words += [f"--param={param}" for param in (*params, *extra_params)]  # the last value of a parameter counts
        print_status(f"sls {command}{update_name}")
        if collaborators.run_sls(command, words, osls.create_environment(session, stage)):
            raise CommandError(
                f"sls {command} failed, see its output above; nothing was migrated. If it names no reason, see the "
                "stack's events in CloudFormation's console: a refused change set has them, too"
            )

    def sls_deploy(*options: object, extra_params: Sequence[str], name: str) -> None:
        before = stack_state.find_version(cloudformation, stage)
        # Without --force, osls deploys nothing if its last upload is the same, even if that update was rolled back.
        sls("deploy", "--force", *options, extra_params=extra_params, update_name=name)
        stack_state.require_new_version(cloudformation, stage, before, collaborators.clock)

    def update(package: Path, extra_params: Sequence[str] = (), name: str = "") -> None:
        if compiled.express_settings:  # compiles again, because it can now look up the cluster
            sls_deploy(extra_params=extra_params, name=name)
            return
        if extra_params:
            sls("package", "--package", package, extra_params=extra_params, update_name=name)
        sls_deploy("--package", package, extra_params=extra_params, name=name)

    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        package = Path(temporary) / "package"  # not .serverless, which the next packaging would empty
        sls("package", "--package", package)
        compiled = read_compiled_stage(package, hooks)
        results = checks.check(session, target_options, params, compiled, database, force=force)
        results.require()
        question = f"Employees use this stage. Type {stage} to deploy it to {account.description}:"
        if compiled.is_protected and not is_confirmed and not confirm(question, stage):
            raise CommandError("not deployed")
        if database is None and (compiled.demand.creates_cluster or compiled.express_settings):
            service_role.create(session, collaborators.clock)
        if compiled.express_settings:
            express.create_or_update(session, stage, compiled.express_settings, collaborators.clock)
        if deferred_resources := results.deferred_resources:
            print_status(*(deferred.reason for deferred in deferred_resources))
            first_params = [deferred.parameter for deferred in deferred_resources]
            update(Path(temporary) / "first", first_params, ", first update of two")
            update(package, name=", second update of two")
        else:
            update(package)
        return compiled
