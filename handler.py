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
    """Apply the migrations that the database has not had yet, what the roles may do, and how they sign in.

    `ponto schema` invokes it after a deploy, and after a secret of theirs has changed. {"find": id} asks instead
    whether the punch of that id is a row. A slice adds to it by a module `of_schema`: `REQUESTS`, by the key of the
    event that asks for one, and `prepared`, which gives what is done after the migrations.

    Returns:
        `applied`, the names of the migrations, and `notices`: what they reported, which role's settings were taken
        back, whose login changed and whose password was set; or `found`; or what the slice's request gives.
    """
    # Imported here: `main`, whose cold starts people wait for, needs none of it.
    from ponto import brought
    from ponto.admin.database import make_database
    from ponto.admin.find_punch import is_stored
    from ponto.admin.migrations import folders, migrate
    from ponto.admin.roles import protect, set_function_password, set_login

    settings = config.load_schema()
    owner = config.connection_parameters(settings.database)
    if isinstance(event, dict) and "find" in event:
        return {"found": is_stored(owner, event["find"])}
    of_slices = brought.modules("of_schema")
    requests = brought.requests(of_slices)
    for key in requests.keys() & (event if isinstance(event, dict) else {}).keys():
        return requests[key](owner, event)
    steps = [each.prepared(os.environ) for each in of_slices]
    made = make_database(owner, settings.created_from) if settings.created_from else []
    migrated = migrate(owner, settings.zone.key, folders(settings.slices))
    migrated.notices[:0] = made
    for step in steps:
        step(owner)
    migrated.notices.extend(protect(owner, {role: each.concurrency for role, each in settings.roles.items()}))
    migrated.notices.extend(set_login(owner, settings.roles, by_iam=settings.database.by_iam))
    for role, each in settings.roles.items():
        if each.secret_arn:
            set_function_password(owner, role, *config.login(each.secret_arn))
            migrated.notices.append(f"password set: {role}")
    return migrated._asdict()
