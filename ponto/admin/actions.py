"""The actions of the function `schema`, each run as the owner of the database."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ponto import brought, config
from ponto.admin.database import make_database
from ponto.admin.find_punch import is_stored
from ponto.admin.migrations import folders, migrate
from ponto.admin.roles import reset_role_limits, set_function_password, set_login
from ponto.connection import Parameters

Action = Callable[[Parameters, Mapping[str, Any]], dict[str, Any]]
"""Takes the owner's connection parameters and the event, and returns what the function returns."""


def run(event: object, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the action that an event names.

    A slice adds actions by `ACTIONS` of its module `of_schema`.

    Args:
        event: {"action": NAME, ...}, with the keys that the action takes:
            {"action": "migrate"} applies the pending migrations, and sets rights, limits and logins of the roles. It
            may be repeated at any time. So does an event without an action, such as {}.
            {"action": "find", "id": UUID} looks for the row of a punch.
            Events of 1.0.0-rc.1, {"find": UUID} and those of slices without an action, are accepted for one release.
        environment: of the function, as `config.load_schema` reads it, and with what the slices read.

    Returns:
        For `migrate`: `applied`, the names of the migrations, and `notices`, a line for each change that they
        reported. For `find`: `found`, whether the punch is a row.

    Raises:
        ValueError: there is no such action, or a value of the event is wrong.
        ConfigurationError: the environment lacks a value, or has a wrong one.
        psycopg2.Error: no connection, or PostgreSQL refused.
    """
    settings = config.load_schema(environment)
    owner = settings.database.connection_parameters()
    slice_hooks = brought.modules("of_schema")

    def migrate_database(owner: Parameters, _: Mapping[str, Any]) -> dict[str, Any]:
        return _migrate(owner, settings, slice_hooks, environment)

    actions: dict[str, Action] = {"migrate": migrate_database, "find": _find, **brought.actions(slice_hooks)}
    request = event if isinstance(event, dict) else {}
    name = request.get("action") or _legacy_action(request, slice_hooks)
    if name not in actions:
        raise ValueError(f"action: {name!r} is not known; use one of {', '.join(actions)}")
    return actions[name](owner, request)


def _legacy_action(request: Mapping[str, Any], slice_hooks: list[ModuleType]) -> str:
    """Return the action of an event of 1.0.0-rc.1, which named it by one of its keys."""
    legacy = {"find": "find"}
    for hooks in slice_hooks:
        legacy |= hooks.LEGACY_KEYS
    return next((action for key, action in legacy.items() if key in request), "migrate")


def _find(owner: Parameters, request: Mapping[str, Any]) -> dict[str, Any]:
    punch_id = request.get("id", request.get("find"))
    return {"found": is_stored(owner, str(punch_id))}


def _migrate(
    owner: Parameters,
    settings: config.SchemaSettings,
    slice_hooks: list[ModuleType],
    environment: Mapping[str, str],
) -> dict[str, Any]:
    # Read before anything is changed: a wrong value stops the migrations.
    steps = [hooks.prepared(environment) for hooks in slice_hooks]
    notices = make_database(owner, settings.created_from) if settings.created_from else []
    migrated = migrate(owner, settings.zone.key, folders(settings.slices))
    notices += migrated.notices
    for step in steps:
        step(owner)
    notices += reset_role_limits(owner, {role: each.concurrency for role, each in settings.roles.items()})
    notices += set_login(owner, settings.roles, by_iam=settings.database.by_iam)
    for role, each in settings.roles.items():
        if each.secret_arn:
            set_function_password(owner, role, *config.fetch_login(each.secret_arn))
            notices.append(f"password set: {role}")
    return {"applied": migrated.applied, "notices": notices}
