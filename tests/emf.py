"""Parser of CloudWatch's embedded metric format: the metrics in a line of a function's log."""

import json
import re
from typing import NamedTuple

from botocore.session import Session

_UNITS = set(Session().get_service_model("cloudwatch").shape_for("StandardUnit").metadata["enum"])


class Metric(NamedTuple):
    dimensions: dict[str, str]
    value: float
    unit: str


def parse_metrics(text: str) -> dict[tuple[str, str], Metric]:
    """Return the metrics in a line of the log, by namespace and name.

    Raises:
        AssertionError: The line breaks the specification: CloudWatch would ignore it, or some of its metrics.
    """
    line = json.loads(text)
    assert type(line["_aws"]["Timestamp"]) is int  # ms
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    (names,) = directive["Dimensions"]
    dimensions = {name: line[name] for name in names}  # at the top level of the line
    assert all(re.fullmatch("[!-~]{1,1024}", value) for value in dimensions.values())
    metrics: dict[tuple[str, str], Metric] = {}
    for metric in directive["Metrics"]:
        value = line[metric["Name"]]
        assert type(value) in (int, float)
        assert metric["Unit"] in _UNITS
        metrics[directive["Namespace"], metric["Name"]] = Metric(dimensions, value, metric["Unit"])
    assert len(metrics) == len(directive["Metrics"]) <= 100
    return metrics
