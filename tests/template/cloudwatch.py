"""CloudWatch's side of an alarm: the states that a compiled alarm goes through, by what its metrics were.

It follows the user guide's pages on alarm evaluation, missing data and metric math, as far as the alarms here use them:
periods of whole minutes, M out of N, missing data that breaches nothing, values above a threshold.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from tools.kit.packaging import Template

ALARM = "AWS::CloudWatch::Alarm"
# Namespace, name, dimensions. What CloudFormation will fill in stands as it is in the template, as JSON.
Metric = tuple[str, str, frozenset[tuple[str, str]]]


class Point(NamedTuple):
    """Data of one minute."""

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
_EXTRA_PERIODS = 2  # periods beyond the evaluated ones, from which CloudWatch takes data for those that are missing


def alarms(template: Template, stage: str = "prod") -> dict[str, Any]:
    """Return the properties of a stage's alarms by their section of docs/runbook.md."""
    return {
        alarm["AlarmName"].removeprefix(f"batida-ponto-{stage}-"): alarm for alarm in template.by_type(ALARM).values()
    }


def metric(namespace: str, name: str, dimensions: Mapping[str, object]) -> Metric:
    """Return a metric, its dimensions as a template has them."""
    return namespace, name, frozenset((key, json.dumps(value)) for key, value in dimensions.items())


def metrics(alarm: Any) -> list[Metric]:
    """List what an alarm looks at."""
    return [source for source, _, _ in _sources(alarm).values()]


def period(alarm: Any) -> int:
    """Return the alarm's period in minutes.

    Raises:
        ValueError: CloudWatch would not take the alarm: its metrics have several periods, they are not whole
            minutes, or the alarm looks back too far.
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
        alarm: its properties in the template.
        recorded: what the metrics were; one that is not recorded has no data at all.
        minutes: how long to go on.
        phase: the minute at which a period begins. CloudWatch promises none.

    Yields:
        The minute, and the state from then on.
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
    """Return the state after some periods.

    Args:
        alarm: its properties.
        breaches: whether the threshold was breached in each, the latest last; None where data is missing.
    """
    evaluated = [breach for breach in breaches if breach is not None][-alarm["EvaluationPeriods"] :]
    needed = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    return State.ALARM if sum(evaluated) >= needed else State.OK


def calculate(expression: str, values: Mapping[str, float | None]) -> float | None:
    """Calculate a metric math expression for one period.

    Args:
        expression: sums, shares, comparisons, AND, OR, IF, FILL of an id, and MAX of a list.
        values: by id; None where data is missing.

    Returns:
        The result, or None: CloudWatch gives no data point.
    """
    present = {name: value for name, value in values.items() if value is not None}
    functions = {
        "FILL": present.get,
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "MAX": max,
    }
    python = re.sub(r"\bFILL\((\w+)", r'FILL("\1"', expression).replace(" AND ", " and ").replace(" OR ", " or ")
    try:
        return float(eval(python, functions, present))  # noqa: S307  the template's
    except (NameError, ZeroDivisionError):
        return None


def _sources(alarm: Any) -> dict[str, tuple[Metric, str, int]]:
    """Return the metrics of an alarm, each with its statistic and period in seconds, by id."""
    stats = {query["Id"]: query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query}
    stats = stats or {"value": {"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}}
    return {name: (_read_metric(stat["Metric"]), stat["Stat"], stat["Period"]) for name, stat in stats.items()}


def _read_metric(source: Any) -> Metric:
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in source["Dimensions"]}
    return metric(source["Namespace"], source["MetricName"], dimensions)
