"""`ponto keys`: an API key for each device or site, each with limits of its own."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from botocore.exceptions import BotoCoreError, ClientError

from tools.kit import commands, reader, tables, target
from tools.kit import options as opt
from tools.kit.clock import CLOCK, Clock
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.console import progress
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, confirm, pluralize, print_json, print_result, print_status
from tools.kit.rows import KEY_EMPLOYEES, KEY_ROWS, KeyRow, to_json
from tools.kit.tables import Column
from tools.kit.target import explain
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import UsagePlanTypeDef

_RATE = 10.0  # requests/s: what a site with a queue before its clock needs, and a stolen key gets
_BURST = 20  # requests
_QUOTA = 10_000  # requests a day
_RETRY_SECONDS = 120  # that a change of a usage plan is tried again: others may wait, too
_RETRY_PAUSE = 5  # s
_TAG = "batida-ponto:key"  # on what this command makes: the name; what lacks it is never touched
_is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch

_KEY_COLUMNS = (
    Column("name", min_width=16),
    Column("id"),
    Column("enabled"),
    Column("requests/s", align_right=True),
    Column("burst", align_right=True),
    Column("a day", align_right=True),
    Column("today", align_right=True),
)
_PUNCH_COLUMNS = (
    Column("received", is_optional=True),
    Column("id"),
    Column("employee", align_right=True),
    Column("punched"),
    Column("device", min_width=12, is_optional=True),
    Column("key", is_optional=True),
)

_EPILOG = """examples:
  ponto keys create gate-1 --rate 5 --burst 10 --quota 2000 --stage dev
  ponto keys list --stage dev
  ponto keys revoke gate-1 --stage dev
  ponto keys rows gate-1 --from 2026-10-01 --stage dev

API Gateway applies throttles and quotas as best it can: they are targets, no hard limits.
Each key has its own usage plan, of which AWS allows 300 in an account and region until asked for more.

exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong
"""


class Key(NamedTuple):
    """A key that this command made, with the usage plan that belongs to it alone."""

    name: str
    id: str | None  # None: what is left of a key that was half revoked, or half made
    usage_plan_id: str
    enabled: bool
    rate: float  # requests/s
    burst: int  # requests
    quota: int  # requests a day
    used_today: int | None  # requests since midnight UTC; None: the API does not say


def _parse_name(text: str) -> str:
    if not _is_name(text):
        raise ValueError(text)
    return text


NAME = opt.ParsedType("NAME", "not a name: letters, digits, . _ - and a letter or digit first; at most 64", _parse_name)


@commands.group(epilog=_EPILOG)
def keys() -> None:
    """API keys, one per device or site; the rows of one.

    Each has its own throttle and daily quota.
    """


@keys.command(epilog="example:\n  ponto keys create gate-1 --rate 5 --stage dev\n")
@click.argument("name", type=NAME)
@click.option("--rate", type=opt.RATE, default=_RATE, metavar="N", help="Requests a second.")
@click.option("--burst", type=opt.POSITIVE, default=_BURST, metavar="N", help="Requests at once.")
@click.option("--quota", type=opt.POSITIVE, default=_QUOTA, metavar="N", help="Requests a day.")
@opt.as_json
@target.options
def create(
    target_options: target.TargetOptions, name: str, rate: float, burst: int, quota: int, *, as_json: bool
) -> None:
    """Make a key and print its value, this once.

    NAME is the device's or site's: letters, digits, . _ -; at most 64.
    """
    deployment = target.find(target_options)
    api_id, gateway = deployment.api_id, deployment.gateway()
    if any(plan["tags"][_TAG] == name for plan in _plans(gateway, api_id, deployment.stage)):
        raise CommandError(f"there is a key {name} already; name another, or revoke it first")
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
            f"{explain(error)}\nNo key was made. Each has a usage plan, and AWS allows 300 in an account and region: "
            "revoke keys that nobody uses (keys list), or have API Gateway's quota of usage plans raised (Service "
            "Quotas)."
        ) from error
    if as_json:
        made = Key(name, key["id"], plan["id"], True, rate, burst, quota, used_today=0)
        print_json(camel_case(made._asdict()) | {"value": key["value"]})
    else:
        print_status(f"key {name} ({key['id']}); it may take a minute to work. Its value, shown this once:")
        print_result(key["value"])


@keys.command("list", epilog="example:\n  ponto keys list --stage dev\n")
@opt.as_json
@target.options
def list_keys(target_options: target.TargetOptions, *, as_json: bool) -> None:
    """Print the keys, their limits and today's use; no values."""
    deployment = target.find(target_options)
    found = list(_keys(deployment.gateway(), deployment.api_id, deployment.stage))
    if as_json:
        print_json({"keys": [camel_case(key._asdict()) for key in found]})
        return
    if found:
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
                    "?" if key.used_today is None else str(key.used_today),
                )
                for key in found
            ),
        )
    print_result(f"{pluralize(len(found), 'key')} made by this command")


@keys.command(epilog="example:\n  ponto keys revoke gate-1 --stage dev\n")
@click.argument("name")
@opt.yes
@click.option(
    "--forget",
    is_flag=True,
    show_default=False,
    help="Delete it too; its rows are then found by its id only, not by its name.",
)
@opt.as_json
@target.options
@pass_collaborators
def revoke(
    collaborators: Collaborators,
    target_options: target.TargetOptions,
    name: str,
    *,
    yes: bool,
    forget: bool,
    as_json: bool,
) -> None:
    """Disable a key for good.

    NAME may be the key's id.
    """
    deployment = target.find(target_options)
    api_id, gateway = deployment.api_id, deployment.gateway()
    found = [key for key in _keys(gateway, api_id, deployment.stage, usage=False) if name in (key.name, key.id)]
    if not found:
        raise CommandError(f"no key {name} was made by this command for {deployment.stack}; see the list", 1)
    if len(found) > 1:
        raise CommandError(f"{name} is ambiguous; give one of the ids {', '.join(str(key.id) for key in found)}")
    (key,) = found
    if not yes and not confirm(f"Revoke key {key.name} ({key.id}) of {deployment.stack}? It cannot be undone."):
        raise CommandError("nothing was revoked", 1)
    if key.id:
        # Disabled first: whatever fails after that, nobody punches with it. It stays, for its id's name to be known.
        gateway.update_api_key(apiKey=key.id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    disabled = f"key {key.name} is disabled: nobody punches with it any more"
    try:
        if key.id and forget:
            gateway.delete_api_key(apiKey=key.id)
        _delete_plan(
            gateway,
            api_id,
            deployment.stage,
            key.usage_plan_id,
            f"{disabled}. Its usage plan goes",
            collaborators.clock,
        )
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"{explain(error)}\n{disabled}; repeat the command for what is left of it", 1) from None
    if as_json:
        print_json({"revoked": key.name, "id": key.id, "usagePlanId": key.usage_plan_id})
    else:
        print_result(f"key {key.name} ({key.id}) is revoked; what was accepted with it stays: ponto keys rows {key.id}")


@keys.command(epilog="example:\n  ponto keys rows gate-1 --from 2026-10-01 --stage dev\n")
@click.argument("name")
@click.option("--from", "start", type=opt.INSTANT_MS, help="Received then or later: ISO 8601, or 2h ago.")
@click.option("--to", "end", type=opt.INSTANT_MS, help="Received before.")
@opt.as_json
@reader.deployment_options
def rows(target_options: reader.TargetOptions, name: str, start: int | None, end: int | None, *, as_json: bool) -> None:
    """Print the punches that came with a key, a revoked one too.

    NAME may be the key's id.
    """
    deployment = target.find(target_options)
    ids = _key_ids(deployment, name)
    with reader.open_reader(target_options) as source:
        found = _rows(source, ids or [name], start, end)
    if not ids and not found:
        raise CommandError(f"{deployment.stack} has no key {name}, and no row came with a key of that id", 1)
    if as_json:
        print_json({"keys": ids or [name], "rows": [_to_json(row) for row in found]})
        return
    if found:
        tables.show(_PUNCH_COLUMNS, map(to_cells, found))
    employees = pluralize(len({row.employee_id for row in found}), "employee")
    print_result(f"{pluralize(len(found), 'row')} of {employees} came with {', '.join(ids or [name])}")


def to_cells(row: KeyRow) -> list[str]:
    """Return a row of the table of punches."""
    received = f"{row.received.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    return [received, row.id, str(row.employee_id), row.instant.isoformat(" "), row.device or "", row.key]


def _to_json(row: KeyRow) -> dict[str, Any]:
    times = {"received": row.received.isoformat(timespec="milliseconds"), "punched": row.instant.isoformat()}
    return to_json(row) | times


def _rows(source: reader.Reader, keys: Sequence[str], start: int | None, end: int | None) -> list[KeyRow]:
    of_keys = {"keys": keys, "from_ms": start, "to_ms": end}
    ranges = source.read_by_employee(KEY_EMPLOYEES.bind(**of_keys), [], [KEY_ROWS.bind(**of_keys, usuarios=None)])
    found = list[KeyRow]()
    with progress(visible=ranges.employee_count is not None) as display:
        task = display.add_task("employees", total=ranges.employee_count)
        for (rows,) in ranges.by_range:
            found += rows
            display.update(task, completed=len({row.employee_id for row in found}))
    return sorted(found, key=lambda row: (row.received, row.id))


def _key_ids(deployment: target.Target, name: str) -> list[str]:
    """Return the ids of the keys that have, or had until they were revoked, a name."""
    label = f"{deployment.stack}/{name}"
    pages = deployment.gateway().get_paginator("get_api_keys").paginate(nameQuery=label, includeValues=False)
    return [key["id"] for page in pages for key in page.get("items", []) if key.get("name") == label]


def _plans(gateway: "APIGatewayClient", api_id: str, stage: str) -> "Iterator[UsagePlanTypeDef]":
    """Yield the usage plans that this command made for a stage of an API."""
    for plan in gateway.get_paginator("get_usage_plans").paginate().search("items[] || `[]`"):
        stages = [(each.get("apiId"), each.get("stage")) for each in plan.get("apiStages", [])]
        if _TAG in plan.get("tags", {}) and (api_id, stage) in stages:
            yield plan


def _keys(gateway: "APIGatewayClient", api_id: str, stage: str, *, usage: bool = True) -> Iterator[Key]:
    """Yield the keys that this command made for a stage of an API, by name."""
    for plan in sorted(_plans(gateway, api_id, stage), key=lambda plan: plan["tags"][_TAG]):
        pages = gateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan["id"])
        key_id = next(iter(pages.search("items[].id")), None)
        enabled = False
        if key_id:
            try:
                enabled = bool(gateway.get_api_key(apiKey=key_id, includeValue=False).get("enabled"))
            except gateway.exceptions.NotFoundException:  # it was deleted meanwhile
                key_id = None
        yield Key(
            name=plan["tags"][_TAG],
            id=key_id,
            usage_plan_id=plan["id"],
            enabled=enabled,
            rate=plan.get("throttle", {}).get("rateLimit", 0),
            burst=plan.get("throttle", {}).get("burstLimit", 0),
            quota=plan.get("quota", {}).get("limit", 0),
            used_today=_used_today(gateway, plan["id"], key_id) if usage and key_id else None,
        )


def _used_today(gateway: "APIGatewayClient", plan_id: str, key_id: str) -> int | None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        found = gateway.get_usage(usagePlanId=plan_id, keyId=key_id, startDate=today, endDate=today)
    except ClientError as error:
        print_status(f"today's use of key {key_id} is not known: {explain(error)}")
        return None
    days = found.get("items", {}).get(key_id, [])  # [used, left] a day; nothing for a key that was not used
    return sum(used for used, *_ in days)


def _delete_plan(
    gateway: "APIGatewayClient",
    api_id: str,
    stage: str,
    plan_id: str,
    subject: str = "the usage plan goes",
    clock: Clock = CLOCK,
) -> None:
    # A plan with a stage cannot be deleted.
    removal: Any = [{"op": "remove", "path": "/apiStages", "value": f"{api_id}:{stage}"}]
    _retry(lambda: gateway.update_usage_plan(usagePlanId=plan_id, patchOperations=removal), subject, clock)
    _retry(lambda: gateway.delete_usage_plan(usagePlanId=plan_id), subject, clock)


def _retry(change: Callable[[], object], subject: str, clock: Clock) -> None:
    """Change a usage plan as soon as AWS admits it: it takes one such change of an account in 20 s."""
    wait = retry_pauses(
        f"{subject} as soon as AWS admits it: an account may change one in 20 s.",
        timeout_seconds=_RETRY_SECONDS,
        pause_seconds=_RETRY_PAUSE,
        clock=clock,
    )
    while True:
        try:
            change()
        except ClientError as error:
            if error.response["Error"].get("Code") != "TooManyRequestsException" or not next(wait, False):
                raise
        else:
            return


def _try_undo(undo: Callable[..., object], *given: object, **named: object) -> None:
    """Undo a step; one that cannot be undone keeps no other from it."""
    try:
        undo(*given, **named)
    except (BotoCoreError, ClientError) as error:
        print_status(f"could not undo a step: {explain(error)}")
