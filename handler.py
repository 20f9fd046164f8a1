"""Entry points of the functions in serverless.yml: queue -> here -> PostgreSQL, or the dead-letter queue."""

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from ponto import config, log
from ponto.drain import Drain, create_drain
from ponto.message import BatchResponse, read_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from ponto.reader.query_function import QueryStats, Result


@cache  # once per execution environment: the next batch reuses the connection and the clients
def environment_drain() -> Drain:
    """Return the drain that the environment configures."""
    return create_drain(config.load_drain())


def main(event: Any, context: Any, drain: Drain | None = None) -> BatchResponse:
    """Store a batch of punches, dead-letter what can never be stored, and report the rest for redelivery.

    Args:
        event: messages from SQS; the mapping must have ReportBatchItemFailures.
        context: Lambda's, with the time left.
        drain: what processes the batch; by default that of the environment.

    Raises:
        NotFromSqsError: the event is something else. Lambda then retries the invocation if it was asynchronous, and
            sends the event to the function's own dead-letter queue.
        ConfigurationError: the environment lacks a value. SQS delivers the whole batch again, as after any exception.
    """
    started = time.monotonic()
    messages = read_messages(event)
    end = started + context.get_remaining_time_in_millis() / 1000

    drain = drain or environment_drain()
    processed = drain.process(messages, end)

    now = time.time()
    log.batch(
        context.aws_request_id,
        os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"),  # Lambda always sets it
        now,
        processed.counts(requires_sign_in=drain.requires_sign_in),
        {"milliseconds": round((time.monotonic() - started) * 1000, 1), **processed.ages(now)},
        processed.errors,
    )
    drain.shorten_visibility(processed, end)  # the last act: the delays count from here
    for warning in processed.warnings:
        log.write(warning, context.aws_request_id, level="WARNING")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in processed.failures]}


def read(event: Any, context: Any, handle: "Callable[..., tuple[Result, QueryStats]] | None" = None) -> "Result":
    """Run statements that read; see `ponto.reader.query_function.handle`, which tests replace."""
    # Imported here: `main`, whose cold starts people wait for, needs none of it.
    from ponto.reader import query_function
    from slices import enabled

    started = time.monotonic()
    database = config.load_database()
    result, stats = (handle or query_function.handle)(
        event,
        database.connection_parameters,
        context.get_remaining_time_in_millis() / 1000,
        enabled.statements(),
    )
    log.request("read", context.aws_request_id, (time.monotonic() - started) * 1000, stats._asdict())
    return result


def schema(event: Any, context: Any) -> dict[str, Any]:
    """Run an action of the database's owner, such as migrating it; see `ponto.admin.actions.run`.

    `ponto deploy` and `ponto schema` invoke it.
    """
    from ponto.admin import actions  # as in `read`
    from slices import enabled

    return actions.run(event, os.environ, enabled.schema_hooks(), enabled.schema_folders())
