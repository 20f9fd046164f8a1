"""JSON log lines of the functions, with counts, times and error types, but without data of a punch.

The line of a batch is in CloudWatch's embedded metric format, from which CloudWatch creates metrics without an API
call:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import extract_tb

from ponto import __version__

NAMESPACE = "BatidaPonto"

_DIMENSION = "FunctionName"  # as in the namespace AWS/Lambda


def write_batch(
    request_id: str,
    function_name: str,
    now: float,
    counts: Mapping[str, int],
    milliseconds: Mapping[str, float],
    errors: Sequence[str],
) -> None:
    """Log a batch, with its counts and durations as metrics.

    Args:
        request_id: id of the invocation.
        function_name: name of the function, the dimension of the metrics.
        now: when the batch was processed, in seconds since the epoch.
        counts: counts by metric name.
        milliseconds: durations by metric name.
        errors: why messages failed, without data of a punch.
    """
    units = dict.fromkeys(counts, "Count") | dict.fromkeys(milliseconds, "Milliseconds")
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[_DIMENSION]], "Metrics": metrics}
    fields: dict[str, object] = {**counts, **milliseconds}
    if errors:
        fields["errors"] = errors
    fields[_DIMENSION] = function_name
    fields["_aws"] = {"Timestamp": round(now * 1000), "CloudWatchMetrics": [directive]}
    write("batch", request_id, level="WARNING" if errors else "INFO", **fields)


def write_request(message: str, request_id: str, milliseconds: float, outcome: Mapping[str, object]) -> None:
    """Log a request and its outcome, without values from the request or from rows.

    Args:
        message: name of the operation.
        request_id: id of the invocation.
        milliseconds: duration of the request.
        outcome: counts, and `error`, the type of the error or an empty string.
    """
    fields = dict(outcome)
    error = fields.pop("error")
    fields["milliseconds"] = round(milliseconds, 1)
    if error:
        fields["error"] = error
    write(message, request_id, level="WARNING" if error else "INFO", **fields)


def write(message: str, request_id: str, *, level: str = "INFO", **fields: object) -> None:
    """Log one line. The caller ensures that it contains no data of a punch."""
    line = {"level": level, "message": message, "requestId": request_id, "version": __version__, **fields}
    print(json.dumps(line), flush=True)  # noqa: T201  Lambda's log is its standard output


def type_and_location(error: Exception) -> str:
    """Return the type of an error and the line that raised it. The text is left out because it may quote a punch."""
    *_, frame = extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
