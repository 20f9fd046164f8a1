"""One JSON line per batch, for CloudWatch Logs Insights, alarms and eyes. Counts and times, never a punch."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from ponto.sqs import Rejection
from ponto.store import Entry, Outcome, Status

_ERRORS = 5  # distinct errors in a line: an outage gives every record of a batch the same one


def batch(
    request_id: str,
    milliseconds: float,
    stored_at: float,
    entries: Sequence[Entry],
    outcomes: Sequence[Outcome],
    rejections: Sequence[Rejection],
    failures: Mapping[str, str],
) -> None:
    """Say how a batch went.

    Args:
        request_id: Lambda's, of this invocation.
        milliseconds: how long the batch took.
        stored_at: when PostgreSQL had answered, seconds since the epoch, UTC.
        entries: what was given to PostgreSQL, and
        outcomes: what became of each.
        rejections: what could never be stored.
        failures: why, for each message id that will come back. It may name rejections too: those that the
            dead-letter queue did not take, which are counted as failed, not as rejected.
    """
    statuses = Counter(status for status, _ in outcomes)
    rejected = Counter(
        rejection.reason.value for rejection in rejections if rejection.record["messageId"] not in failures
    )
    received = [
        entry.received_ms for entry, (status, _) in zip(entries, outcomes, strict=True) if status is Status.STORED
    ]
    line: dict[str, object] = {
        "level": "WARNING" if failures else "INFO",
        "message": "batch",
        "requestId": request_id,
        "stored": statuses[Status.STORED],
        "duplicates": statuses[Status.DUPLICATE],
        "rejected": rejected.total(),
        "failed": len(failures),
        "milliseconds": round(milliseconds, 1),
    }
    if received:  # how long the oldest punch waited between the queue and its row
        line["oldestMilliseconds"] = round(stored_at * 1000 - min(received))
    if rejected:
        line["reasons"] = rejected
    if failures:
        line["errors"] = sorted(set(failures.values()))[:_ERRORS]
    print(json.dumps(line), flush=True)  # noqa: T201  Lambda's log is its standard output
