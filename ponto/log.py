"""JSON log lines of the functions: counts, times and kinds of errors, never a punch.

The line of a batch is in CloudWatch's embedded metric format, so that its numbers are metrics without a call:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Mapping, Sequence

from ponto import __version__

NAMESPACE = "BatidaPonto"

_DIMENSION = "FunctionName"  # as in AWS/Lambda


def batch(
    request_id: str,
    function_name: str,
    now: float,
    counts: Mapping[str, int],
    milliseconds: Mapping[str, float],
    errors: Sequence[str],
) -> None:
    """Log a batch, and its numbers as metrics.

    Args:
        request_id: of the invocation.
        function_name: the metrics' dimension.
        now: when PostgreSQL had answered, s since the epoch.
        counts: by the metric's name.
        milliseconds: durations, by the metric's name.
        errors: why messages failed, without anything of a punch.
    """
    units = dict.fromkeys(counts, "Count") | dict.fromkeys(milliseconds, "Milliseconds")
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[_DIMENSION]], "Metrics": metrics}
    fields: dict[str, object] = {**counts, **milliseconds}
    if errors:
        fields["errors"] = errors
    fields[_DIMENSION] = function_name
    fields["_aws"] = {"Timestamp": round(now * 1000), "CloudWatchMetrics": [directive]}
    _write("WARNING" if errors else "INFO", "batch", request_id, **fields)


def answered(message: str, request_id: str, milliseconds: float, done: Mapping[str, object]) -> None:
    """Log how a request was answered; `done` has counts and `error`, the kind of the error, empty if there was none.

    It has no value of the request or of a row.
    """
    counts = dict(done)
    error = counts.pop("error")
    more = counts | {"milliseconds": round(milliseconds, 1)} | ({"error": error} if error else {})
    _write("WARNING" if error else "INFO", message, request_id, **more)


def info(request_id: str, message: str, **more: object) -> None:
    """Log what an invocation did, without anything of a punch."""
    _write("INFO", message, request_id, **more)


def warning(request_id: str, message: str) -> None:
    """Log what failed without changing the result of a batch, without anything of a punch."""
    _write("WARNING", message, request_id)


def _write(level: str, message: str, request_id: str, **more: object) -> None:
    line = {"level": level, "message": message, "requestId": request_id, "version": __version__, **more}
    print(json.dumps(line), flush=True)  # noqa: T201  Lambda's log is its standard output
