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
    assert len(text.encode()) < 256 * 1024  # maximum size of a log event in CloudWatch
    assert line["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}
    assert type(line["_aws"]["Timestamp"]) is int  # ms
    metrics: dict[tuple[str, str], Metric] = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert re.fullmatch("[A-Za-z0-9._/#:-]{1,255}", directive["Namespace"])
        assert not directive["Namespace"].startswith("AWS/")
        (names,) = directive["Dimensions"]
        assert 1 <= len(names) <= 30
        for name in names:  # the value of a dimension is a string at the top level of the line
            assert isinstance(line[name], str)
            assert re.fullmatch("[!-~]{1,1024}", line[name])
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric.keys() == {"Name", "Unit"}
            assert metric["Unit"] in _UNITS
            value = line[metric["Name"]]
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
            key = (directive["Namespace"], metric["Name"])
            assert key not in metrics
            metrics[key] = Metric({name: line[name] for name in names}, value, metric["Unit"])
    return metrics
