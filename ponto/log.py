"""One JSON line per batch, for eyes, Logs Insights and alarms. Counts and times, never a punch.

The line is in CloudWatch's embedded metric format, so that the numbers in it are metrics too, at no call:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from ponto import __version__
from ponto.drain import Processed
from ponto.punch import Reason
from ponto.records import NoSentTimestamp, Record, sent_ms

NAMESPACE = "BatidaPonto"

_ERRORS = 5  # distinct errors in a line: an outage gives every record of a batch the same one
_DIMENSION = "FunctionName"  # as in AWS/Lambda


def batch(request_id: str, milliseconds: float, stored_at: float, processed: Processed) -> None:
    """Log how a batch went, and how long it took; `stored_at` is when PostgreSQL had answered, s since the epoch."""
    failures = processed.failures.values()
    rejected = Counter(rejection.reason.value for rejection in processed.dead_lettered)
    done = {
        "stored": len(processed.stored),
        "duplicates": len(processed.duplicates),
        "redelivered": len(processed.redelivered),
        "rejected": rejected.total(),
    }
    counts = {
        **done,
        # Zeros too: a metric that was never sent does not exist, and nobody can tell an alarm's or a graph's
        # silence from a misspelt name.
        **{f"rejected{reason.capitalize()}": rejected[reason.value] for reason in _reasons()},
        "failed": len(failures),
        "batchSize": sum(done.values()) + len(failures),
    }
    if processed.redriven:  # rare: a zero each hour would cost as much as any metric
        counts["redriven"] = processed.redriven
    times = {"milliseconds": round(milliseconds, 1)}
    if processed.stored:  # how long the oldest waited between the queue and its row; a zero would lower percentiles
        times["oldestMilliseconds"] = round(stored_at * 1000 - min(entry.received_ms for entry in processed.stored))
    waiting = list(_sent(failure.record for failure in failures))
    if waiting:  # SQS's own metric leaves out what was received three times
        times["oldestFailedMilliseconds"] = round(stored_at * 1000 - min(waiting))
    more: dict[str, object] = {**counts, **times}
    if failures:
        more["errors"] = sorted({failure.detail for failure in failures})[:_ERRORS]
    more[_DIMENSION] = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none")  # Lambda always sets it
    units = dict.fromkeys(counts, "Count") | dict.fromkeys(times, "Milliseconds")
    more["_aws"] = {
        "Timestamp": round(stored_at * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [[_DIMENSION]],
                "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
            }
        ],
    }
    _write("WARNING" if failures else "INFO", "batch", request_id, **more)


def answered(message: str, request_id: str, milliseconds: float, done: Mapping[str, object]) -> None:
    """Log how a request of a kind was answered: counts, and the kind of the error, empty if there was none.

    No value that was asked with or found is among them.
    """
    counts = dict(done)
    error = counts.pop("error")
    more = counts | {"milliseconds": round(milliseconds, 1)} | ({"error": error} if error else {})
    _write("WARNING" if error else "INFO", message, request_id, **more)


def info(request_id: str, message: str, **more: object) -> None:
    """Log what an invocation did, without anything of a punch."""
    _write("INFO", message, request_id, **more)


def warning(request_id: str, message: str) -> None:
    """Log what went wrong beside a batch, and changed nothing of it, without anything of a punch."""
    _write("WARNING", message, request_id)


def _write(level: str, message: str, request_id: str, **more: object) -> None:
    line = {"level": level, "message": message, "requestId": request_id, "version": __version__, **more}
    print(json.dumps(line), flush=True)  # noqa: T201  Lambda's log is its standard output


def _sent(records: Iterable[Record]) -> Iterator[int]:
    # Of this message, not of its first life: a dead letter that was sent back has waited, and expires, from then on.
    for record in records:
        with suppress(NoSentTimestamp):  # which is why it failed
            yield sent_ms(record)


def _reasons() -> list[Reason]:
    # Where nobody signs in, one cannot occur, and a metric that is always zero costs as much as any.
    return [reason for reason in Reason if reason is not Reason.IDENTITY or os.environ.get("IDENTITY")]
