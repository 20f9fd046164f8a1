"""One JSON line per batch, for eyes, Logs Insights and alarms. Counts and times, never a punch.

The line is in CloudWatch's embedded metric format, so that the numbers in it are metrics too, at no call:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from ponto.punch import Reason
from ponto.sqs import NoReceipt, Record, Rejection, sent_ms
from ponto.store import Entry, Outcome, Status

NAMESPACE = "BatidaPonto"

_ERRORS = 5  # distinct errors in a line: an outage gives every record of a batch the same one
_DIMENSION = "FunctionName"  # as in AWS/Lambda


def batch(
    request_id: str,
    milliseconds: float,
    stored_at: float,
    entries: Sequence[Entry],
    outcomes: Sequence[Outcome],
    rejections: Sequence[Rejection],
    failures: Mapping[str, str],
    failed: Sequence[Record],
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
        failed: their records.
    """
    statuses = Counter(status for status, _ in outcomes)
    rejected = Counter(
        rejection.reason.value for rejection in rejections if rejection.record["messageId"] not in failures
    )
    received = [
        entry.received_ms for entry, (status, _) in zip(entries, outcomes, strict=True) if status is Status.STORED
    ]
    settled = {
        "stored": statuses[Status.STORED],
        "duplicates": statuses[Status.DUPLICATE],
        "rejected": rejected.total(),
    }
    counts = {
        **settled,
        # Zeros too: a metric that was never sent does not exist, and nobody can tell an alarm's or a graph's
        # silence from a misspelt name.
        **{f"rejected{reason.capitalize()}": rejected[reason.value] for reason in _reasons()},
        "failed": len(failures),
        "batchSize": sum(settled.values()) + len(failures),
    }
    times = {"milliseconds": round(milliseconds, 1)}
    if received:  # how long the oldest punch waited between the queue and its row; a zero would lower percentiles
        times["oldestMilliseconds"] = round(stored_at * 1000 - min(received))
    if waiting := list(_sent(failed)):  # SQS's own metric leaves out what was received three times
        times["oldestFailedMilliseconds"] = round(stored_at * 1000 - min(waiting))
    line: dict[str, object] = {
        "level": "WARNING" if failures else "INFO",
        "message": "batch",
        "requestId": request_id,
        **counts,
        **times,
    }
    if failures:
        line["errors"] = sorted(set(failures.values()))[:_ERRORS]
    line[_DIMENSION] = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none")  # Lambda always sets it
    units = dict.fromkeys(counts, "Count") | dict.fromkeys(times, "Milliseconds")
    line["_aws"] = {
        "Timestamp": round(stored_at * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [[_DIMENSION]],
                "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
            }
        ],
    }
    print(json.dumps(line), flush=True)  # noqa: T201  Lambda's log is its standard output


def warning(request_id: str, message: str) -> None:
    """Say what went wrong beside a batch, and changed nothing of it.

    Args:
        request_id: Lambda's, of this invocation.
        message: without anything of a punch.
    """
    print(json.dumps({"level": "WARNING", "message": message, "requestId": request_id}), flush=True)  # noqa: T201


def _sent(records: Sequence[Record]) -> Iterator[int]:
    # Of this message, not of its first life: a dead letter that was sent back has waited, and expires, from then on.
    for record in records:
        with suppress(NoReceipt):  # which is why it failed
            yield sent_ms(record)


def _reasons() -> list[Reason]:
    # Where nobody signs in, one cannot occur, and a metric that is always zero costs as much as any.
    return [reason for reason in Reason if reason is not Reason.IDENTITY or os.environ.get("IDENTITY")]
