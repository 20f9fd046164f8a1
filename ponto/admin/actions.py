"""The actions of the function `schema`, each run as the owner of the database."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ponto import config
from ponto.admin.migrations import migrate, migration_folders
from ponto.admin.owner import MigrationError, connect_as_owner, create_database, fetch
from ponto.admin.roles import reset_role_limits, set_login_method, set_password
from ponto.connection import Parameters
from ponto.fields import read_uuid

Action = Callable[[Parameters, Mapping[str, Any]], dict[str, Any]]
"""Takes the owner's connection parameters and the event; returns the function's result."""


class SchemaHooks(NamedTuple):
    """Additions of a slice to the function: `HOOKS` of its module `schema_hooks`."""

    actions: Mapping[str, Action] = {}  # by name
    legacy_keys: Mapping[str, str] = {}  # action by the key that named it in events of 1.0.0-rc.1
    prepare_post_migration: Callable[[Mapping[str, str]], Callable[[Parameters], object]] | None = None
    """Reads the environment before the migrations, raises ConfigurationError for a wrong value, and returns what runs
    after them. `make deploy` calls it, too."""


def run(
    event: object, environment: Mapping[str, str], hooks: Collection[SchemaHooks], slice_schemas: Mapping[str, Path]
) -> dict[str, Any]:
    """Run the action that an event names.

    Args:
        event: {"action": NAME, ...}, with the keys that the action takes:
            {"action": "migrate"} applies the pending migrations, and sets rights, limits and logins of the roles. It
            may be repeated at any time. So does an event without an action, such as {}.
            {"action": "find", "id": UUID} looks for the row of a punch.
            Events of 1.0.0-rc.1, {"find": UUID} and those of slices without an action, are accepted for one release.
        environment: of the function, as `config.load_schema` reads it, and with what the slices read.
        hooks: of the slices.
        slice_schemas: the folders of the slices' migrations, by slice.

    Returns:
        For `migrate`: `applied`, the names of the migrations, and `notices`, a line for each change that they
        reported. For `find`: `found`, whether the punch is a row.

    Raises:
        ValueError: there is no such action, or there are two; or a value of the event is wrong.
        ConfigurationError: the environment lacks a value, or has a wrong one.
        MigrationError: SLICES names a slice that has no migrations; see also `migrate`.
        psycopg2.Error: no connection, or PostgreSQL refused.
    """
    settings = config.load_schema(environment)
    owner = settings.database.connection_parameters()
    actions: dict[str, Action] = {
        "migrate": lambda owner, _: _migrate(owner, settings, environment, hooks, slice_schemas),
        "find": find_punch,
    }
    legacy_keys = {"find": "find"}
    for hook in hooks:
        if twice := actions.keys() & hook.actions.keys():
            raise ValueError(f"actions: {min(twice)!r} is defined twice; rename one")
        actions |= hook.actions
        legacy_keys |= hook.legacy_keys
    request = event if isinstance(event, dict) else {}
    legacy_action = next((action for key, action in legacy_keys.items() if key in request), "migrate")
    name = request.get("action") or legacy_action
    if name not in actions:
        raise ValueError(f"action: {name!r} is not known; use one of {', '.join(actions)}")
    return actions[name](owner, request)


def find_punch(owner: Parameters, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether the punch of a request is a row."""
    punch_id = read_uuid(str(request.get("id", request.get("find"))))
    with connect_as_owner(owner) as connection, connection.cursor() as session:
        return {"found": bool(fetch(session, "find_punch", id=punch_id))}


def _migrate(
    owner: Parameters,
    settings: config.SchemaSettings,
    environment: Mapping[str, str],
    hooks: Collection[SchemaHooks],
    slice_schemas: Mapping[str, Path],
) -> dict[str, Any]:
    # Read before anything is changed: a wrong value stops the migrations.
    steps = [hook.prepare_post_migration(environment) for hook in hooks if hook.prepare_post_migration]
    schema = migration_folders(settings.slices, slice_schemas)
    notices = create_database(owner, settings.maintenance_database) if settings.maintenance_database else []
    migrated = migrate(owner, settings.zone.key, schema)
    notices += migrated.notices
    for step in steps:
        step(owner)
    notices += reset_role_limits(owner, {role: each.concurrency for role, each in settings.roles.items()})
    notices += set_login_method(owner, settings.roles, uses_iam=settings.database.uses_iam_auth)
    for role, each in settings.roles.items():
        if each.secret_arn:
            user, password = config.fetch_credentials(each.secret_arn)
            if user != role:  # a writer of the secret may not set the password of another role
                raise MigrationError(
                    f"The function's secret has the username {user!r}; it must be {role}. It was not used."
                )
            set_password(owner, role, password)
            notices.append(f"password set: {role}")
    return {"applied": migrated.applied, "notices": notices}
