"""Evaluation of compiled alarms on recorded metrics, with CloudWatch's rules.

This module implements the parts of the user guide (alarm evaluation, missing data, metric math) that this project's
alarms use: periods of whole minutes, M out of N datapoints, `notBreaching` for missing data, and values above a
threshold.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
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


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"


_STATISTICS: dict[str, Callable[[Sequence[Point]], float]] = {
    "Sum": lambda points: sum(point.total for point in points),
    "Average": lambda points: sum(point.total for point in points) / sum(point.samples for point in points),
    "Minimum": lambda points: min(point.minimum for point in points),
    "Maximum": lambda points: max(point.maximum for point in points),
}
_EXTRA_PERIODS = 2  # earlier periods that CloudWatch also reads, to replace missing ones


def alarms(template: Template, stage: str = "prod") -> dict[str, Any]:
    """Return the properties of a stage's alarms, keyed by their section of docs/runbook.md."""
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
    """Return the alarm's period in minutes.

    Raises:
        ValueError: CloudWatch would reject the alarm: its metrics have different periods, the period is not a number
            of whole minutes, or the evaluated range is too long.
    """
    periods = {seconds for _, _, seconds in _sources(alarm).values()}
    (seconds,) = periods if len(periods) == 1 else (0,)
    reach = seconds * alarm["EvaluationPeriods"]
    if seconds % 60 or not 0 < reach <= (604_800 if seconds >= 3600 else 86_400):
        raise ValueError(f"{alarm['AlarmName']}: periods {periods}, looks back {reach} s")
    return int(seconds // 60)


def states(alarm: Any, recorded: Mapping[Metric, Series], minutes: int, phase: int = 0) -> Iterator[tuple[int, State]]:
    """Evaluate an alarm at the end of each of its periods.

    Args:
        alarm: Properties of the alarm in the template.
        recorded: Data of the metrics. A metric without an entry has no data.
        minutes: Length of the evaluated time.
        phase: Minute at which the first period begins; CloudWatch may choose any.

    Yields:
        The minute at which a period ends, and the alarm's state from then on.
    """
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
    length, sources = period(alarm), _sources(alarm)
    expression = next((query["Expression"] for query in alarm.get("Metrics", []) if "Expression" in query), "value")
    breaches: list[bool | None] = []
    for start in range(phase, minutes - length + 1, length):
        values: dict[str, float | None] = {}
        for name, (source, statistic, _) in sources.items():
            series = recorded.get(source, {})
            points = [series[minute] for minute in range(start, start + length) if minute in series]
            values[name] = _STATISTICS[statistic](points) if points else None
        value = calculate(expression, values)
        breaches.append(None if value is None else value > alarm["Threshold"])
        yield start + length, evaluate(alarm, breaches[-alarm["EvaluationPeriods"] - _EXTRA_PERIODS :])


def evaluate(alarm: Any, breaches: Sequence[bool | None]) -> State:
    """Return the state of an alarm after a sequence of periods.

    Args:
        alarm: Properties of the alarm.
        breaches: Whether the threshold was breached in each period, the latest last; None if data is missing.
    """
    evaluated = [breach for breach in breaches if breach is not None][-alarm["EvaluationPeriods"] :]
    needed = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    return State.ALARM if sum(evaluated) >= needed else State.OK


def calculate(expression: str, values: Mapping[str, float | None]) -> float | None:
    """Calculate a metric math expression for one period.

    Args:
        expression: Expression of +, /, comparisons, AND, OR, IF, FILL with an id, and MAX with a list.
        values: Values by metric id; None if data is missing.

    Returns:
        The result, or None if CloudWatch would produce no data point.
    """
    present = {name: value for name, value in values.items() if value is not None}
    functions = {
        "FILL": present.get,
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "MAX": max,
    }
    python = re.sub(r"\bFILL\((\w+)", r'FILL("\1"', expression).replace(" AND ", " and ").replace(" OR ", " or ")
    try:
        return float(eval(python, functions, present))  # noqa: S307  the expression is from this project's template
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
