"""`ponto keys`: an API key for each device or site, with separate limits."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from botocore.exceptions import BotoCoreError, ClientError

from tools.kit import commands, shared_options, tables, target
from tools.kit.clock import CLOCK, Clock
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, confirm, pluralize, print_json, print_result, print_status
from tools.kit.tables import Column
from tools.kit.target import TargetOptions, explain
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import ApiKeyTypeDef, UsagePlanTypeDef

_RATE = 10.0  # requests/s: enough for a site with many clients at once, and a limit for a stolen key
_BURST = 20  # requests
_QUOTA = 10_000  # requests a day
_RETRY_SECONDS = 120  # time for which a change of a usage plan is retried
_RETRY_PAUSE_SECONDS = 5
_TAG = "batida-ponto:key"  # tag with the key's name; resources without it are never changed
_is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch

_KEY_COLUMNS = (
    Column("name", wraps=True),
    Column("id"),
    Column("enabled"),
    Column("requests/s", align_right=True),
    Column("burst", align_right=True),
    Column("a day", align_right=True),
)
_EPILOG = """examples:
  ponto keys create site-1 --rate 5 --burst 10 --quota 2000 --stage dev
  ponto keys list --stage dev
  ponto keys revoke site-1 --stage dev

API Gateway does not enforce throttles and quotas exactly.
Each key has its own usage plan; AWS allows 300 in an account and region by default.

exit status: 0 done, 1 partly done, 2 the request or the deployment is wrong
"""


class Key(NamedTuple):
    """A key that this command created, with its usage plan."""

    name: str
    id: str | None  # None: the key was only partly created or revoked
    usage_plan_id: str
    enabled: bool
    rate: float  # requests/s
    burst: int  # requests
    quota: int  # requests a day


def _parse_name(text: str) -> str:
    if not _is_name(text):
        raise ValueError(text)
    return text


NAME = shared_options.ParsedType(
    "NAME",
    "not a name of at most 64 letters, digits, dots, hyphens and underscores that begins with a letter or digit",
    _parse_name,
)


@commands.group(epilog=_EPILOG)
def keys() -> None:
    """Manage API keys, one per device or site.

    Each key has a separate throttle and daily quota.
    """


@keys.command(epilog="example:\n  ponto keys create site-1 --rate 5 --stage dev\n")
@click.argument("name", type=NAME)
@click.option("--rate", type=shared_options.RATE, default=_RATE, metavar="N", help="Sustained requests per second.")
@click.option("--burst", type=shared_options.POSITIVE, default=_BURST, metavar="N", help="Requests in a burst.")
@click.option("--quota", type=shared_options.POSITIVE, default=_QUOTA, metavar="N", help="Requests per day.")
@shared_options.as_json
@target.options
def create(target_options: TargetOptions, name: str, rate: float, burst: int, quota: int, *, as_json: bool) -> None:
    """Create a key and print its value, which is not shown again.

    NAME is the name of the device or site: at most 64 letters, digits, dots, hyphens and underscores.
    """
    deployment = target.find(target_options)
    api_id, gateway = deployment.api_id, deployment.gateway()
    if any(plan["tags"][_TAG] == name for plan in _plans(gateway, api_id, deployment.stage)):
        raise CommandError(f"the key {name} already exists; choose another name, or revoke it first")
    label = f"{deployment.stack}/{name}"
    tags = {_TAG: name}
    try:
        with ExitStack() as undo:
            key = gateway.create_api_key(name=label, enabled=True, tags=tags)
            undo.callback(_try_undo, gateway.delete_api_key, apiKey=key["id"])
            plan = gateway.create_usage_plan(
                name=label,
                apiStages=[{"apiId": api_id, "stage": deployment.stage}],
                throttle={"rateLimit": rate, "burstLimit": burst},
                quota={"limit": quota, "period": "DAY"},
                tags=tags,
            )
            undo.callback(_try_undo, _delete_plan, gateway, api_id, deployment.stage, plan["id"])
            gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
            undo.pop_all()
    except ClientError as error:
        if error.response["Error"].get("Code") != "LimitExceededException":
            raise
        raise CommandError(
            f"{explain(error)}\nNo key was created. Each key has a usage plan, and AWS allows 300 in an account and "
            "region by default. Revoke unused keys (ponto keys list), or request a higher quota of API Gateway's usage "
            "plans in Service Quotas."
        ) from error
    if as_json:
        created = Key(name, key["id"], plan["id"], True, rate, burst, quota)
        print_json(camel_case(created._asdict()) | {"value": key["value"]})
    else:
        print_status(f"key {name} ({key['id']}), which works within a minute. Its value is not shown again:")
        print_result(key["value"])


@keys.command("list", epilog="example:\n  ponto keys list --stage dev\n")
@shared_options.as_json
@target.options
def list_keys(target_options: TargetOptions, *, as_json: bool) -> None:
    """Print the keys with their limits."""
    deployment = target.find(target_options)
    created_keys = list(_keys(deployment.gateway(), deployment.api_id, deployment.stage))
    if as_json:
        print_json({"keys": [camel_case(key._asdict()) for key in created_keys]})
        return
    if created_keys:
        tables.show(
            _KEY_COLUMNS,
            (
                (
                    key.name,
                    key.id or "(none)",
                    "yes" if key.enabled else "no",
                    f"{key.rate:g}",
                    str(key.burst),
                    str(key.quota),
                )
                for key in created_keys
            ),
        )
    print_result(f"{pluralize(len(created_keys), 'key')} created by this command")


@keys.command(epilog="example:\n  ponto keys revoke site-1 --stage dev\n")
@click.argument("name")
@shared_options.yes
@click.option(
    "--forget", is_flag=True, help="Also delete the key; its punches can then be found only by its id, not by its name."
)
@shared_options.as_json
@target.options
@pass_collaborators
def revoke(
    collaborators: Collaborators,
    target_options: TargetOptions,
    name: str,
    *,
    yes: bool,
    forget: bool,
    as_json: bool,
) -> None:
    """Disable a key permanently.

    NAME is the key's name or id.
    """
    deployment = target.find(target_options)
    api_id, gateway = deployment.api_id, deployment.gateway()
    matches = [key for key in _keys(gateway, api_id, deployment.stage) if name in (key.name, key.id)]
    if not matches:
        raise CommandError(f"this command created no key {name} for {deployment.stack}; see ponto keys list", 1)
    if len(matches) > 1:
        raise CommandError(f"{name} is ambiguous; use one of the ids {', '.join(str(key.id) for key in matches)}")
    (key,) = matches
    if not yes and not confirm(f"Revoke key {key.name} ({key.id}) of {deployment.stack}? It cannot be undone."):
        raise CommandError("nothing was revoked", 1)
    if key.id:
        # Disabled first, so that it cannot be used even if a later step fails. Kept, to find its punches by its id.
        gateway.update_api_key(apiKey=key.id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    disabled_message = f"key {key.name} is disabled and cannot be used any more"
    try:
        if key.id and forget:
            gateway.delete_api_key(apiKey=key.id)
        _delete_plan(
            gateway,
            api_id,
            deployment.stage,
            key.usage_plan_id,
            f"{disabled_message}. Its usage plan is deleted",
            collaborators.clock,
        )
    except (BotoCoreError, ClientError) as error:
        raise CommandError(
            f"{explain(error)}\n{disabled_message}; run ponto keys revoke {key.name} again to delete the rest of it", 1
        ) from None
    if as_json:
        print_json({"revoked": key.name, "id": key.id, "usagePlanId": key.usage_plan_id})
    else:
        print_result(f"key {key.name} ({key.id}) is revoked; its punches stay, with this id")


class StageKeys(NamedTuple):
    """Keys, also revoked ones, and usage plans that this command created for a stage."""

    keys: "list[ApiKeyTypeDef]"
    plans: "list[UsagePlanTypeDef]"

    def delete(self, gateway: "APIGatewayClient", api_id: str, stage: str, clock: Clock) -> None:
        """Delete them."""
        for key in self.keys:
            gateway.delete_api_key(apiKey=key["id"])
        for plan in self.plans:
            _delete_plan(gateway, api_id, stage, plan["id"], f"The usage plan {plan['name']} is deleted", clock)


def find_stage_keys(gateway: "APIGatewayClient", stack: str, api_id: str, stage: str) -> StageKeys:
    """Return the keys and usage plans of a stage."""
    keys = gateway.get_paginator("get_api_keys").paginate(nameQuery=f"{stack}/").search("items[] || `[]`")
    of_stage = [key for key in keys if _TAG in key.get("tags", {}) and key["name"].startswith(f"{stack}/")]
    return StageKeys(of_stage, list(_plans(gateway, api_id, stage)))


def _plans(gateway: "APIGatewayClient", api_id: str, stage: str) -> "Iterator[UsagePlanTypeDef]":
    """Yield the usage plans that this command created for a stage of an API."""
    for plan in gateway.get_paginator("get_usage_plans").paginate().search("items[] || `[]`"):
        stages = [(api_stage.get("apiId"), api_stage.get("stage")) for api_stage in plan.get("apiStages", [])]
        if _TAG in plan.get("tags", {}) and (api_id, stage) in stages:
            yield plan


def _keys(gateway: "APIGatewayClient", api_id: str, stage: str) -> Iterator[Key]:
    """Yield the keys that this command created for a stage of an API, ordered by name."""
    for plan in sorted(_plans(gateway, api_id, stage), key=lambda plan: plan["tags"][_TAG]):
        pages = gateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan["id"])
        key_id = next(iter(pages.search("items[].id")), None)
        yield Key(
            name=plan["tags"][_TAG],
            id=key_id,
            usage_plan_id=plan["id"],
            enabled=bool(key_id and gateway.get_api_key(apiKey=key_id, includeValue=False).get("enabled")),
            rate=plan.get("throttle", {}).get("rateLimit", 0),
            burst=plan.get("throttle", {}).get("burstLimit", 0),
            quota=plan.get("quota", {}).get("limit", 0),
        )


def _delete_plan(
    gateway: "APIGatewayClient",
    api_id: str,
    stage: str,
    plan_id: str,
    subject: str = "the usage plan is deleted",
    clock: Clock = CLOCK,
) -> None:
    """Delete a usage plan, and retry: AWS allows an account only one such change in 20 s."""
    # A usage plan that has a stage cannot be deleted.
    removal: Any = [{"op": "remove", "path": "/apiStages", "value": f"{api_id}:{stage}"}]
    changes: list[Callable[[], object]] = [
        lambda: gateway.update_usage_plan(usagePlanId=plan_id, patchOperations=removal),
        lambda: gateway.delete_usage_plan(usagePlanId=plan_id),
    ]
    pauses = retry_pauses(
        f"{subject} as soon as AWS allows it: an account may change one usage plan in 20 s.",
        timeout_seconds=_RETRY_SECONDS,
        pause_seconds=_RETRY_PAUSE_SECONDS,
        clock=clock,
    )
    while changes:
        try:
            changes[0]()
            del changes[0]
        except ClientError as error:
            if error.response["Error"].get("Code") != "TooManyRequestsException" or not next(pauses, False):
                raise


def _try_undo(undo: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Undo a step; print an error, so that the other steps are undone, too."""
    try:
        undo(*args, **kwargs)
    except (BotoCoreError, ClientError) as error:
        print_status(f"could not undo a step: {explain(error)}")
