"""Evaluation of compiled alarms on recorded metrics, by the rules of CloudWatch that this project's alarms use.

These are periods of whole minutes, M out of N data points, `notBreaching` for missing data, and a threshold to exceed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tools.kit.packaging import Template

ALARM = "AWS::CloudWatch::Alarm"
# Namespace, name, dimensions. References such as {"Ref": ...} in dimensions are kept as JSON.
Metric = tuple[str, str, frozenset[tuple[str, str]]]


class Point(NamedTuple):
    """Statistics of a metric in one minute."""

    total: float
    samples: float
    minimum: float
    maximum: float


Series = Mapping[int, Point]  # by minute; a minute without data is absent


_STATISTICS: dict[str, Callable[[Sequence[Point]], float]] = {
    "Sum": lambda points: sum(point.total for point in points),
    "Average": lambda points: sum(point.total for point in points) / sum(point.samples for point in points),
    "Minimum": lambda points: min(point.minimum for point in points),
    "Maximum": lambda points: max(point.maximum for point in points),
}
_EXTRA_PERIODS = 2  # earlier periods that CloudWatch also reads, to replace missing ones


def alarms(template: Template, stage: str = "prod") -> dict[str, Any]:
    """Return the properties of a stage's alarms, by name."""
    return {
        alarm["AlarmName"].removeprefix(f"batida-ponto-{stage}-"): alarm for alarm in template.by_type(ALARM).values()
    }


def metric(namespace: str, name: str, dimensions: Mapping[str, object]) -> Metric:
    """Return a metric whose dimensions have the values of a template."""
    return namespace, name, frozenset((key, json.dumps(value)) for key, value in dimensions.items())


def alarm_metrics(alarm: Any) -> list[Metric]:
    """Return the metrics that an alarm evaluates."""
    return [source for source, _, _ in _sources(alarm).values()]


def period(alarm: Any) -> int:
    """Return the alarm's period in minutes."""
    (seconds,) = {seconds for _, _, seconds in _sources(alarm).values()}  # CloudWatch refuses different periods
    assert seconds % 60 == 0
    assert seconds * alarm["EvaluationPeriods"] <= (604_800 if seconds >= 3600 else 86_400)
    return int(seconds // 60)


def firing_minutes(alarm: Any, recorded: Mapping[Metric, Series], minutes: int) -> Iterator[list[int]]:
    """Yield the minutes at which an alarm fires, for several phases of its periods, because CloudWatch may choose any.

    Args:
        alarm: Properties of the alarm in the template.
        recorded: Data of the metrics. A metric without an entry has no data.
        minutes: Length of the evaluated time.
    """
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
    length, sources, periods = period(alarm), _sources(alarm), alarm["EvaluationPeriods"]
    expression = next((query["Expression"] for query in alarm.get("Metrics", []) if "Expression" in query), "value")
    for phase in range(0, length, max(1, length // 5)):
        breaches: list[bool | None] = []  # by period; None if data is missing
        firing = []
        for start in range(phase, minutes - length + 1, length):
            values = {}
            for name, (source, statistic, _) in sources.items():
                series = recorded.get(source, {})
                if points := [series[minute] for minute in range(start, start + length) if minute in series]:
                    values[name] = _STATISTICS[statistic](points)
            value = _calculate(expression, values)
            breaches.append(None if value is None else value > alarm["Threshold"])
            present = [breach for breach in breaches[-periods - _EXTRA_PERIODS :] if breach is not None]
            if sum(present[-periods:]) >= alarm.get("DatapointsToAlarm", periods):
                firing.append(start + length)
        yield firing


def _calculate(expression: str, values: Mapping[str, float]) -> float | None:
    """Calculate a metric math expression from values by metric id; None if CloudWatch would produce no data point."""
    functions = {
        "FILL": values.get,
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "MAX": max,
    }
    python = re.sub(r"\bFILL\((\w+)", r'FILL("\1"', expression).replace(" AND ", " and ").replace(" OR ", " or ")
    try:
        return float(eval(python, functions, values))  # noqa: S307  the expression is from this project's template
    except (NameError, ZeroDivisionError):
        return None


def _sources(alarm: Any) -> dict[str, tuple[Metric, str, int]]:
    """Return the metrics of an alarm by id, with statistic and period in seconds."""
    stats = {query["Id"]: query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query}
    stats = stats or {"value": {"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}}
    return {name: (_read_metric(stat["Metric"]), stat["Stat"], stat["Period"]) for name, stat in stats.items()}


def _read_metric(source: Any) -> Metric:
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in source["Dimensions"]}
    return metric(source["Namespace"], source["MetricName"], dimensions)
