"""The actions of the function `schema`, each run as the owner of the database."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ponto.schema.migrations import apply_pending, locked_connection, migration_folders
from ponto.schema.owner import Connection, MigrationError, connect_as_owner, create_database, fetch
from ponto.schema.roles import reset_role_limits, set_login_method, set_password
from ponto.shared import config
from ponto.shared.connection import Parameters
from ponto.shared.fields import parse_any_uuid

Action = Callable[[Parameters, Mapping[str, Any]], dict[str, Any]]
"""Accepts the owner's connection parameters and the event; returns the function's result."""


class SchemaHooks(NamedTuple):
    """Additions of a slice to the function `schema`. The slice exports them as `HOOKS` from `schema_hooks`."""

    actions: Mapping[str, Action] = {}  # by name
    prepare_post_migration: Callable[[Mapping[str, str]], Callable[[Connection], object]] | None = None
    """Validates the environment before the migrations, or raises ConfigurationError, and returns the step to run after
    them, on their connection. `make deploy` calls it too, to validate early."""


def run(
    event: object, environment: Mapping[str, str], hooks: Collection[SchemaHooks], slice_schemas: Mapping[str, Path]
) -> dict[str, Any]:
    """Run the action that an event names.

    Args:
        event: {"action": NAME, ...}, with the keys of the action:
            {"action": "migrate"} applies the pending migrations, and sets privileges, limits and logins of the roles.
            It is safe to repeat. An event without an action, such as {}, does the same.
            {"action": "find", "id": UUID} looks up a punch.
        environment: the function's environment variables, including those that the slices read.
        hooks: hooks of the slices.
        slice_schemas: folders of the slices' migrations, by slice.

    Returns:
        For `migrate`: `applied`, the names of the applied migrations, and `notices`, a line for each reported change.
        For `find`: `found`, whether the punch is stored.

    Raises:
        ValueError: the action is unknown or defined twice, or a value of the event is invalid.
        ConfigurationError: a value of the environment is missing or invalid.
        MigrationError: SLICES names a slice that has no migrations; see also `migrate`.
        psycopg2.Error: the connection or a statement failed.
    """
    settings = config.load_schema(environment)
    actions: dict[str, Action] = {
        "migrate": lambda parameters, _: _migrate(parameters, settings, environment, hooks, slice_schemas),
        "find": find_punch,
    }
    for hook in hooks:
        if duplicates := actions.keys() & hook.actions.keys():
            raise ValueError(f"actions: {min(duplicates)!r} is defined twice; rename one")
        actions |= hook.actions
    request = event if isinstance(event, dict) else {}
    name = request.get("action") or "migrate"
    if name not in actions:
        raise ValueError(f"action: {name!r} is unknown; use one of {', '.join(actions)}")
    return actions[name](settings.database.connection_parameters(), request)


def find_punch(owner_parameters: Parameters, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether the punch of a request is stored."""
    punch_id = parse_any_uuid(str(request.get("id")))
    with connect_as_owner(owner_parameters) as connection, connection.cursor() as cursor:
        return {"found": bool(fetch(cursor, "find_punch", id=punch_id))}


def _migrate(
    owner_parameters: Parameters,
    settings: config.SchemaSettings,
    environment: Mapping[str, str],
    hooks: Collection[SchemaHooks],
    slice_schemas: Mapping[str, Path],
) -> dict[str, Any]:
    # Validate the environment before anything is changed.
    steps = [hook.prepare_post_migration(environment) for hook in hooks if hook.prepare_post_migration]
    folders = migration_folders(settings.slices, slice_schemas)
    notices = create_database(owner_parameters, settings.maintenance_database) if settings.maintenance_database else []
    with locked_connection(owner_parameters) as connection:
        migrated = apply_pending(connection, settings.zone.key, folders)
        notices += migrated.notices
        for step in steps:
            step(connection)
        concurrency = {role: role_settings.concurrency for role, role_settings in settings.roles.items()}
        notices += reset_role_limits(connection, concurrency)
        notices += set_login_method(connection, settings.roles, uses_iam=settings.database.uses_iam_auth)
        for role, role_settings in settings.roles.items():
            if role_settings.secret_arn:
                user, password = config.fetch_credentials(role_settings.secret_arn)
                if user != role:  # so that a writer of the secret cannot set the password of another role
                    raise MigrationError(
                        f"The function's secret has the username {user!r}; it must be {role}. The password was left "
                        "unchanged."
                    )
                set_password(connection, role, password)
                notices.append(f"password set: {role}")
    return {"applied": migrated.applied, "notices": notices}
