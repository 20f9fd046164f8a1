"""`ponto keys`: an API key for each device or site, each with limits of its own."""

import argparse
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.dlq.dead_letters import an_instant
from tools.kit import database, target
from tools.kit.errors import CommandError
from tools.kit.output import confirm, print_json, print_result, print_status, printable
from tools.kit.tables import for_tables
from tools.kit.target import explain

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import UsagePlanTypeDef

_ROWS = (Path(__file__).parent / "rows.sql").read_text(encoding="utf-8")

_RATE = 10.0  # requests/s: what a site with a queue before its clock needs, and a stolen key gets
_BURST = 20  # requests
_QUOTA = 10_000  # requests a day
_TAG = "batida-ponto:key"  # on what this command makes: the name; what lacks it is never touched
_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch

_EPILOG = """examples:
  ponto keys create gate-1 --rate 5 --burst 10 --quota 2000 --stage dev
  ponto keys list --stage dev
  ponto keys revoke gate-1 --stage dev
  ponto keys rows gate-1 --from 2026-10-01 --stage dev

API Gateway applies throttles and quotas as best it can: they are targets, no hard limits.
Each key has a usage plan of its own, of which AWS allows 300 in an account and region until asked for more.

exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong
"""


class Key(NamedTuple):
    """A key that this command made, with the usage plan that belongs to it alone."""

    name: str
    id: str | None  # None: what is left of a key that was half revoked, or half made
    plan_id: str
    enabled: bool
    rate: float  # requests/s
    burst: int  # requests
    quota: int  # requests a day
    used_today: int | None  # requests since midnight UTC; None: the API does not say


def add_to(commands: Any) -> None:
    """Add `keys` to the commands of `ponto` (argparse's subparsers)."""
    parser = commands.add_parser(
        "keys",
        help="API keys, one per device or site: create, list, revoke; the rows of one",
        description="API keys, one per device or site, each with a throttle and a daily quota of its own.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="command", required=True)
    verb = partial(target.add_verb, verbs, "keys")

    create = verb("create", _create, "make a key and show its value, this once", "gate-1 --rate 5 --stage dev")
    create.add_argument("name", type=_a_name, help="of the device or site: letters, digits, . _ -; at most 64")
    create.add_argument("--rate", type=_a_rate, default=_RATE, metavar="N", help=f"requests/s (default {_RATE:g})")
    create.add_argument("--burst", type=_a_count, default=_BURST, metavar="N", help=f"requests (default {_BURST})")
    create.add_argument("--quota", type=_a_count, default=_QUOTA, metavar="N", help=f"a day (default {_QUOTA})")

    verb("list", _list, "the keys with their limits and today's use, never their values", "--stage dev")

    revoke = verb("revoke", _revoke, "disable a key for good", "gate-1 --stage dev")
    revoke.add_argument("name", help="or the id")
    revoke.add_argument("--yes", action="store_true", help="do not ask")
    revoke.add_argument(
        "--forget", action="store_true", help="delete it too; its rows are then found by its id only, not by its name"
    )

    rows = verb(
        "rows", _rows, "the punches that came with a key, a revoked one too", "gate-1 --from 2026-10-01 --stage dev"
    )
    rows.add_argument("name", help="or the id")
    rows.add_argument(
        "--from", dest="start", type=an_instant, metavar="TIME", help="received then or later: ISO 8601, or 2h ago"
    )
    rows.add_argument("--to", dest="end", type=an_instant, metavar="TIME", help="received before")
    database.add_timeout(rows)


def _a_name(text: str) -> str:
    if not _name(text):
        raise argparse.ArgumentTypeError(f"{text!r}: letters, digits, . _ - and a letter or digit first; at most 64")
    return text


def _a_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return rate


def _a_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


# The commands. Each returns the exit status.


def _create(arguments: argparse.Namespace) -> int:
    place = target.find(arguments)
    api_id, gateway = place.require_api(), place.gateway()
    if any(plan["tags"][_TAG] == arguments.name for plan in _plans(gateway, api_id, place.stage)):
        raise CommandError(f"there is a key {arguments.name} already; name another, or revoke it first")
    label = f"{place.stack}/{arguments.name}"
    tags = {_TAG: arguments.name}
    with _explained_limit(), _undone_on_failure() as undo:
        key = gateway.create_api_key(name=label, enabled=True, tags=tags)
        undo(lambda: gateway.delete_api_key(apiKey=key["id"]))
        plan = gateway.create_usage_plan(
            name=label,
            apiStages=[{"apiId": api_id, "stage": place.stage}],
            throttle={"rateLimit": arguments.rate, "burstLimit": arguments.burst},
            quota={"limit": arguments.quota, "period": "DAY"},
            tags=tags,
        )
        undo(lambda: _delete_plan(gateway, api_id, place.stage, plan["id"]))
        gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    if arguments.json:
        made = Key(
            arguments.name, key["id"], plan["id"], True, arguments.rate, arguments.burst, arguments.quota, used_today=0
        )
        print_json(_shown(made) | {"value": key["value"]})
    else:
        print_status(f"key {arguments.name} ({key['id']}); it may take a minute to work. Its value, shown this once:")
        print_result(key["value"])
    return 0


def _list(arguments: argparse.Namespace) -> int:
    place = target.find(arguments)
    keys = list(_keys(place.gateway(), place.require_api(), place.stage))
    if arguments.json:
        print_json({"keys": [_shown(key) for key in keys]})
        return 0
    if keys:
        console = Console(highlight=False, soft_wrap=True)
        table = Table(box=None, pad_edge=False)
        for column in ("name", "id", "enabled"):
            table.add_column(column, no_wrap=True)
        for column in ("requests/s", "burst", "a day", "today"):
            table.add_column(column, justify="right", no_wrap=True)
        for key in keys:
            used = "?" if key.used_today is None else str(key.used_today)
            enabled = "yes" if key.enabled else "no"
            table.add_row(key.name, key.id or "(none)", enabled, f"{key.rate:g}", str(key.burst), str(key.quota), used)
        console.print(table)
    print_result(f"{len(keys)} keys made by this command")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    place = target.find(arguments)
    api_id, gateway = place.require_api(), place.gateway()
    found = [key for key in _keys(gateway, api_id, place.stage, usage=False) if arguments.name in (key.name, key.id)]
    if not found:
        raise CommandError(f"no key {arguments.name} was made by this command for {place.stack}; see the list", 1)
    if len(found) > 1:
        raise CommandError(
            f"{arguments.name} is ambiguous; give one of the ids {', '.join(str(key.id) for key in found)}"
        )
    (key,) = found
    if not arguments.yes and not confirm(f"Revoke key {key.name} ({key.id}) of {place.stack}? It cannot be undone."):
        raise CommandError("nothing was revoked", 1)
    if key.id:
        # Disabled first: whatever fails after that, nobody punches with it. It stays, to tell the id of its name.
        gateway.update_api_key(apiKey=key.id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
        if arguments.forget:
            gateway.delete_api_key(apiKey=key.id)
    _delete_plan(gateway, api_id, place.stage, key.plan_id)
    if arguments.json:
        print_json({"revoked": key.name, "id": key.id, "usagePlanId": key.plan_id})
    else:
        print_result(f"key {key.name} ({key.id}) is revoked; what was accepted with it stays: ponto keys rows {key.id}")
    return 0


def _rows(arguments: argparse.Namespace) -> int:
    place = target.find(arguments)
    whose = argparse.Namespace(
        state=arguments.state if place.stage == target.LOCAL else None, timeout=arguments.timeout
    )
    if place.stage != target.LOCAL and database.is_local(whose):
        raise CommandError(
            f"the rows of {place.stack} are in its database; name it with DB_HOST, DB_NAME, DB_USER and DB_PASSWORD"
        )
    ids = _ids(place, arguments.name)
    times = {"from_ms": arguments.start, "to_ms": arguments.end}
    with database.connect(whose, read_only=True) as connection, connection.cursor() as cursor:
        cursor.execute(_ROWS, {"keys": ids or [arguments.name], **times})
        rows = [_Row(*row) for row in cursor.fetchall()]
    if not ids and not rows:
        raise CommandError(f"{place.stack} has no key {arguments.name}, and no row came with a key of that id", 1)
    if arguments.json:
        print_json({"keys": ids or [arguments.name], "rows": [row.shown() for row in rows]})
        return 0
    if rows:
        console = for_tables()
        table = Table(box=None, pad_edge=False)
        for column in ("received", "id", "employee", "punched", "device", "key"):
            table.add_column(column, overflow="fold", justify="right" if column == "employee" else "left")
        for row in rows:
            shown = row.shown()
            table.add_row(*(Text(printable("" if value is None else str(value))) for value in shown.values()))
        console.print(table)
    employees = len({row.usuario_id for row in rows})
    print_result(f"{len(rows)} rows of {employees} employees came with {', '.join(ids or [arguments.name])}")
    return 0


# What they are made of.


class _Row(NamedTuple):
    """A row of `batida`: field names are its columns."""

    chave: str
    id: str
    usuario_id: int
    ponto: datetime
    dispositivo: str | None
    recebida_em: datetime

    def shown(self) -> dict[str, Any]:
        return {
            "received": self.recebida_em.isoformat(timespec="milliseconds"),
            "id": self.id,
            "employee": self.usuario_id,
            "punched": self.ponto.isoformat(),
            "device": self.dispositivo,
            "key": self.chave,
        }


def _ids(place: target.Target, name: str) -> list[str]:
    """Give the ids of the keys that have, or had until they were revoked, a name."""
    label = f"{place.stack}/{name}"
    pages = place.gateway().get_paginator("get_api_keys").paginate(nameQuery=label, includeValues=False)
    return [key["id"] for page in pages for key in page.get("items", []) if key.get("name") == label]


def _plans(gateway: "APIGatewayClient", api_id: str, stage: str) -> "Iterator[UsagePlanTypeDef]":
    """Give the usage plans that this command made for a stage of an API."""
    for page in gateway.get_paginator("get_usage_plans").paginate():
        for plan in page.get("items", []):
            if _TAG in plan.get("tags", {}) and _covers(plan, api_id, stage):
                yield plan


def _keys(gateway: "APIGatewayClient", api_id: str, stage: str, *, usage: bool = True) -> Iterator[Key]:
    """Give the keys that this command made for a stage of an API, by name."""
    for plan in sorted(_plans(gateway, api_id, stage), key=lambda plan: plan["tags"][_TAG]):
        pages = gateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan["id"])
        key_id = next((key["id"] for page in pages for key in page.get("items", [])), None)
        enabled = _is_enabled(gateway, key_id) if key_id else None
        if enabled is None:
            key_id = None
        yield Key(
            name=plan["tags"][_TAG],
            id=key_id,
            plan_id=plan["id"],
            enabled=bool(enabled),
            rate=plan.get("throttle", {}).get("rateLimit", 0),
            burst=plan.get("throttle", {}).get("burstLimit", 0),
            quota=plan.get("quota", {}).get("limit", 0),
            used_today=_used_today(gateway, plan["id"], key_id) if usage and key_id else None,
        )


def _covers(plan: "UsagePlanTypeDef", api_id: str, stage: str) -> bool:
    return any((each.get("apiId"), each.get("stage")) == (api_id, stage) for each in plan.get("apiStages", []))


def _is_enabled(gateway: "APIGatewayClient", key_id: str) -> bool | None:
    """None: it was deleted meanwhile."""
    try:
        return bool(gateway.get_api_key(apiKey=key_id, includeValue=False).get("enabled"))
    except gateway.exceptions.NotFoundException:
        return None


def _used_today(gateway: "APIGatewayClient", plan_id: str, key_id: str) -> int | None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        found = gateway.get_usage(usagePlanId=plan_id, keyId=key_id, startDate=today, endDate=today)
    except ClientError as error:
        print_status(f"today's use of key {key_id} is not known: {explain(error)}")
        return None
    days = found.get("items", {}).get(key_id, [])  # [used, left] a day; nothing for a key that was not used
    return sum(used for used, *_ in days)


def _delete_plan(gateway: "APIGatewayClient", api_id: str, stage: str, plan_id: str) -> None:
    # A plan with a stage cannot be deleted.
    gateway.update_usage_plan(
        usagePlanId=plan_id,
        patchOperations=[{"op": "remove", "path": "/apiStages", "value": f"{api_id}:{stage}"}],
    )
    gateway.delete_usage_plan(usagePlanId=plan_id)


@contextmanager
def _explained_limit() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"].get("Code") != "LimitExceededException":
            raise
        raise CommandError(
            f"{explain(error)}\nNo key was made. Each has a usage plan, and AWS allows 300 in an account and region: "
            "revoke keys that nobody uses (keys list), or have API Gateway's quota of usage plans raised (Service "
            "Quotas)."
        ) from error


@contextmanager
def _undone_on_failure() -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Give a function that takes what undoes a step; a failure undoes all steps, the last one first."""
    steps: list[Callable[[], Any]] = []
    try:
        yield steps.append
    except BaseException:
        for step in reversed(steps):
            try:
                step()
            except (BotoCoreError, ClientError) as error:
                print_status(f"could not undo a step: {explain(error)}")
        raise


def _shown(key: Key) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.id,
        "usagePlanId": key.plan_id,
        "enabled": key.enabled,
        "rate": key.rate,
        "burst": key.burst,
        "quota": key.quota,
        "usedToday": key.used_today,
    }
