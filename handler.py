"""Entry points of the functions in serverless.yml."""

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from ponto.drain.drain import Drain, create_drain
from ponto.drain.message import BatchResponse, read_messages
from ponto.shared import config, log

if TYPE_CHECKING:
    from collections.abc import Callable

    from ponto.read.query_function import QueryResult, QueryStats


@cache  # so that later batches of the execution environment reuse the connection and the clients
def environment_drain() -> Drain:
    """Return the drain that is configured by the environment variables."""
    return create_drain(config.load_drain())


def main(event: Any, context: Any, drain: Drain | None = None) -> BatchResponse:
    """Store a batch of punches, and report failed messages for redelivery.

    Messages that can never be stored are sent to the dead-letter queue.

    Args:
        event: event of the SQS queue, whose event source mapping must have ReportBatchItemFailures.
        context: Lambda context.
        drain: drain that processes the batch; defaults to `environment_drain`.

    Raises:
        NotFromSqsError: the event is not from SQS. If the invocation was asynchronous, Lambda retries it, and then
            sends the event to the function's dead-letter queue.
        ConfigurationError: a value of the environment is missing or invalid. SQS redelivers the whole batch, as after
            any exception.
    """
    started = time.monotonic()
    messages = read_messages(event)
    deadline = started + context.get_remaining_time_in_millis() / 1000

    drain = drain or environment_drain()
    result = drain.process(messages, deadline)

    now = time.time()
    log.write_batch(
        context.aws_request_id,
        os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"),  # Lambda always sets the variable
        now,
        result.counts(is_sign_in_required=drain.is_sign_in_required),
        {"milliseconds": round((time.monotonic() - started) * 1000, 1), **result.ages(now)},
        result.errors,
    )
    drain.shorten_visibility(result, deadline)  # last, because the delays start with this call
    for warning in result.warnings:
        log.write(warning, context.aws_request_id, level="WARNING")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in result.failures]}


def read(
    event: Any, context: Any, handle: "Callable[..., tuple[QueryResult, QueryStats]] | None" = None
) -> "QueryResult":
    """Run read-only statements, by default with `ponto.read.query_function.handle`."""
    # Imported here to keep the cold starts of `main` short.
    from ponto import enabled_slices
    from ponto.read import query_function

    started = time.monotonic()
    database = config.load_database()
    result, stats = (handle or query_function.handle)(
        event,
        database.connection_parameters,
        context.get_remaining_time_in_millis() / 1000,
        enabled_slices.statements(),
    )
    log.write_request("read", context.aws_request_id, (time.monotonic() - started) * 1000, stats._asdict())
    return result


def schema(event: Any, context: Any) -> dict[str, Any]:
    """Run an administrative action, such as applying migrations, as the database's owner.

    `ponto deploy` and `ponto schema` invoke this function; `ponto.schema.actions.run` describes the actions.
    """
    from ponto import enabled_slices
    from ponto.schema import actions  # imported here for the same reason as in `read`

    return actions.run(event, os.environ, enabled_slices.schema_hooks(), enabled_slices.schema_folders())
