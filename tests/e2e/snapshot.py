"""Snapshot of the state that tests of a deployed system share, except rows. Each test must restore it."""

import contextlib
from typing import Any

from tests.e2e.client import Client
from tools.local.stack import Stack

DRAIN = "batida-ponto-local-batidaPonto"

# State that a fault or a test may change in the database: settings, refused connections, triggers and constraints.
_DATABASE = """
select 'setting ' || unnest(setconfig) from pg_db_role_setting
union all select 'no connections to ' || datname from pg_database where not datallowconn and datname <> 'template0'
union all select 'trigger ' || tgrelid::regclass || '.' || tgname from pg_trigger where not tgisinternal
union all select 'constraint ' || conrelid::regclass || '.' || conname from pg_constraint where conrelid <> 0
order by 1
"""


def take_snapshot(stack: Stack) -> dict[str, object]:
    """Wait until the queue is drained, unless the drain is disabled; return the shared state by name."""
    client, functions, api = Client(stack), stack.client("lambda"), stack.client("apigateway")
    stack.require_running()
    (mapping,) = functions.list_event_source_mappings(FunctionName=DRAIN)["EventSourceMappings"]
    if mapping["State"] == "Enabled":
        with contextlib.suppress(AssertionError):  # the snapshot contains the number of remaining messages
            client.wait_until_drained()
    function = functions.get_function_configuration(FunctionName=DRAIN)
    return {
        "punches": _read_queue(client, client.address.queue_url),
        "dead letters": _read_queue(client, client.address.dlq_url),
        "drain": mapping["State"],
        "concurrency": functions.get_function_concurrency(FunctionName=DRAIN)["ReservedConcurrentExecutions"],
        "code": function["CodeSha256"],
        "environment": function["Environment"]["Variables"],
        "keys": {key["id"] for key in api.get_api_keys(limit=500)["items"]},
        "usage plans": {plan["id"] for plan in api.get_usage_plans(limit=500)["items"]},
        "database": client.query(_DATABASE),
    }


def _read_queue(client: Client, url: str) -> tuple[int, dict[str, Any]]:
    """Return a queue's number of messages, including those in flight, and its settings."""
    attributes = client.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    counts = {name for name in attributes if name.startswith("Approximate")}
    settings = {name: attributes[name] for name in attributes.keys() - counts - {"LastModifiedTimestamp"}}
    return sum(int(attributes[name]) for name in counts), settings
