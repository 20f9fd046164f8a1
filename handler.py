"""Entry points of the functions in serverless.yml: queue -> here -> PostgreSQL, or the dead-letter queue."""

import time
from functools import cache
from typing import Any

from ponto import config, log
from ponto.migrations import migrate
from ponto.punch import NotAPunch, Reason, parse
from ponto.sqs import PUT_ASIDE_SECONDS, BatchResponse, DeadLetters, Record, Rejection, records_of
from ponto.store import Entry, Status, Store


@cache  # once per execution environment: what one batch set up serves the next
def _parts() -> tuple[config.Settings, Store, DeadLetters]:
    settings = config.load()
    return settings, Store(lambda: config.connection_parameters(settings)), DeadLetters(settings.dlq_url)


def main(event: Any, context: Any) -> BatchResponse:
    """Store a batch of punches, put aside what never can be, and report the rest, so that SQS brings it back.

    Args:
        event: messages from SQS; the mapping must have ReportBatchItemFailures.
        context: Lambda's, which knows how much time is left.

    Raises:
        NotFromSqs: the event is something else.
        ConfigurationError: the environment lacks a value. The whole batch comes back, as after any exception.
    """
    started = time.monotonic()
    records = records_of(event)
    end = started + context.get_remaining_time_in_millis() / 1000
    settings, store, dead_letters = _parts()

    readable: list[Record] = []
    entries: list[Entry] = []
    rejections: list[Rejection] = []
    for record in records:
        try:
            punch = parse(record["body"], settings.zone)
        except NotAPunch as error:
            rejections.append(Rejection(record, error.reason, error.detail))
        else:
            readable.append(record)
            entries.append(Entry(punch, record["messageId"], int(record["attributes"]["SentTimestamp"])))

    failures: dict[str, str] = {}  # message id -> why
    outcomes = store.save(entries, deadline=end - PUT_ASIDE_SECONDS)
    stored_at = time.time()
    for record, (status, detail) in zip(readable, outcomes, strict=True):
        if status is Status.FAILED:
            failures[record["messageId"]] = detail
        elif status in (Status.CONFLICT, Status.REFUSED):
            rejections.append(Rejection(record, Reason(status), detail))
    failures |= dead_letters.put_aside(rejections, deadline=end - PUT_ASIDE_SECONDS / 2)

    milliseconds = (time.monotonic() - started) * 1000
    log.batch(context.aws_request_id, milliseconds, stored_at, entries, outcomes, rejections, failures)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def schema(event: Any, context: Any) -> dict[str, list[str]]:
    """Apply the migrations that the database has not had yet: `sls invoke -f schema`.

    Args:
        event: not looked at.
        context: not looked at.

    Returns:
        `applied`, the names of the migrations, and `notices`, what they reported.
    """
    settings = config.load()
    return migrate(config.connection_parameters(settings), settings.zone.key)._asdict()
