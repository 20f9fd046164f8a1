"""Actions that slices add to the function `schema`."""

from collections.abc import Mapping
from typing import Any

import pytest

from ponto import enabled_slices
from ponto.schema.actions import SchemaHooks, run
from ponto.shared.connection import Parameters
from tests.database import SCHEMA_ENVIRONMENT

ENVIRONMENT = {
    **SCHEMA_ENVIRONMENT,
    "DB_HOST": "db",
    "DB_NAME": "ponto",
    "DB_USER": "owner",
    "DB_PASSWORD": "secret",
    "TIME_ZONE": "America/Sao_Paulo",
}


def echo(owner: Parameters, event: Mapping[str, Any]) -> dict[str, Any]:
    return {"user": owner["user"], **event}


def test_event_runs_the_action_of_a_slice() -> None:
    hooks = [SchemaHooks(), SchemaHooks({"echo": echo})]

    assert run({"action": "echo"}, ENVIRONMENT, hooks, {}) == {"user": "owner", "action": "echo"}


@pytest.mark.parametrize("more", [[SchemaHooks({"migrate": echo})], [SchemaHooks({"echo": echo})] * 2])
def test_action_that_is_defined_twice_is_refused(more: list[SchemaHooks]) -> None:
    with pytest.raises(ValueError, match=r"^actions: '\w+' is defined twice; rename one"):
        run({"action": "find"}, ENVIRONMENT, more, {})


def test_actions_of_all_slices_differ() -> None:
    with pytest.raises(ValueError, match=r"^action: 'unknown' is unknown"):
        run({"action": "unknown"}, ENVIRONMENT, enabled_slices.schema_hooks(), {})
