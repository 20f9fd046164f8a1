"""Entry points of the functions in serverless.yml: queue -> here -> PostgreSQL, or the dead-letter queue."""

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from ponto import config, log
from ponto.dead_letters import DeadLetters
from ponto.drain import Drain
from ponto.records import BatchResponse, records_of
from ponto.redelivery import Redelivery
from ponto.store import Store

if TYPE_CHECKING:
    from ponto.reader import answers


@cache  # once per execution environment: what one batch set up serves the next
def consumer() -> tuple[Drain, Redelivery]:
    """Make what `main` works with, as the environment says; connects to nothing.

    Whoever runs `main` elsewhere replaces this function, or clears its cache after the environment has changed.
    """
    settings = config.load_drain()
    store = Store(lambda: config.connection_parameters(settings.database))
    dead_letters = DeadLetters(settings.dlq_url)
    redelivery = Redelivery(settings.queue_url, settings.retry_delays)
    drain = Drain(
        settings.zone,
        store,
        dead_letters,
        identity=settings.identity,
        visibility_s=settings.visibility_s,
        redelivery=redelivery,
    )
    return drain, redelivery


def main(event: Any, context: Any) -> BatchResponse:
    """Store a batch of punches, dead-letter what never can be, and report the rest, so that SQS brings it back.

    Args:
        event: messages from SQS; the mapping must have ReportBatchItemFailures.
        context: Lambda's, which knows how much time is left.

    Raises:
        NotFromSqs: the event is something else. Lambda then retries the invocation if it was asynchronous, and hands
            the event to the function's own dead-letter queue.
        ConfigurationError: the environment lacks a value. The whole batch comes back, as after any exception.
    """
    started = time.monotonic()
    records = records_of(event)
    end = started + context.get_remaining_time_in_millis() / 1000

    drain, redelivery = consumer()
    processed = drain.process(records, end)

    log.batch(context.aws_request_id, (time.monotonic() - started) * 1000, time.time(), processed)
    for warning in processed.warnings:
        log.warning(context.aws_request_id, warning)
    answer: BatchResponse = {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in processed.failures]}
    # The last act: from here on the records are hidden for as long as it says.
    transient = [failure.record for failure in processed.failures.values() if failure.is_transient]
    try:
        redelivery.shorten_visibility(transient, end)
    except Exception as error:  # noqa: BLE001  they come back all the same, after the queue's own visibility timeout
        log.warning(context.aws_request_id, f"redelivery: {type(error).__name__}: {error}")
    return answer


def read(event: Any, context: Any) -> "answers.Result":
    """Run statements that read; see `ponto.reader.answers.answer`."""
    from ponto.reader import answers  # as in `schema`

    started = time.monotonic()
    database = config.load_database()
    answer, done = answers.answer(
        event, lambda: config.connection_parameters(database), context.get_remaining_time_in_millis() / 1000
    )
    log.answered("read", context.aws_request_id, (time.monotonic() - started) * 1000, done._asdict())
    return answer


def schema(event: Any, context: Any) -> dict[str, Any]:
    """Run an action of the database's owner, such as migrating it; see `ponto.admin.actions.run`.

    `ponto deploy` and `ponto schema` invoke it.
    """
    # Imported here: `main`, whose cold starts people wait for, needs none of it.
    from ponto.admin import actions

    return actions.run(event, os.environ)
