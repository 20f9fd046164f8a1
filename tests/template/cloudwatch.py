"""CloudWatch's side of an alarm: the states that a compiled alarm goes through, given what its metrics were.

It follows the user guide's pages on alarm evaluation, missing data and metric math, as far as the alarms here use
them: periods of whole minutes, M out of N, no percentiles, no `missing`.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

# Namespace, name, dimensions. What CloudFormation will fill in stands as it is in the template, as JSON.
Metric = tuple[str, str, frozenset[tuple[str, str]]]


class Point(NamedTuple):
    """What was recorded in one minute."""

    total: float
    samples: float
    least: float
    most: float


Series = Mapping[int, Point]  # by minute; a minute without data is absent
Recorded = Mapping[Metric, Series]


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


_STATISTICS: dict[str, Callable[[Sequence[Point]], float]] = {
    "Sum": lambda points: sum(point.total for point in points),
    "Average": lambda points: sum(point.total for point in points) / sum(point.samples for point in points),
    "Minimum": lambda points: min(point.least for point in points),
    "Maximum": lambda points: max(point.most for point in points),
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[[list[float]], float]] = {"SUM": sum, "MIN": min, "MAX": max}
_MORE = 2  # periods beyond the evaluated ones, from which CloudWatch takes data for those that are missing


def metric(namespace: str, name: str, dimensions: Mapping[str, object]) -> Metric:
    """Give a metric, its dimensions as a template has them."""
    return namespace, name, frozenset((key, json.dumps(value)) for key, value in dimensions.items())


def metrics(alarm: Any) -> list[Metric]:
    """List what an alarm looks at."""
    return [found for found, _, _ in _sources(alarm).values()]


def period(alarm: Any) -> int:
    """Give the alarm's period in minutes.

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


def states(alarm: Any, recorded: Recorded, minutes: int, phase: int = 0) -> Iterator[tuple[int, State]]:
    """Evaluate an alarm at the end of each of its periods.

    Args:
        alarm: its properties in the template.
        recorded: what the metrics were; one that is not recorded has no data at all.
        minutes: how long to go on.
        phase: the minute at which a period begins. CloudWatch promises none.

    Yields:
        The minute, and the state from then on.
    """
    length, sources = period(alarm), _sources(alarm)
    state = State.INSUFFICIENT_DATA
    breaches: list[bool | None] = []
    for start in range(phase, minutes - length + 1, length):
        values = {
            name: _statistic(statistic, recorded.get(source, {}), start, start + length)
            for name, (source, statistic, _) in sources.items()
        }
        value = calculate(_expression(alarm), values) if "Metrics" in alarm else values[""]
        compare = _COMPARISONS[alarm["ComparisonOperator"]]
        breaches.append(None if value is None else compare(value, alarm["Threshold"]))
        state = judge(alarm, breaches[-alarm["EvaluationPeriods"] - _MORE :], state)
        yield start + length, state


def judge(alarm: Any, breaches: Sequence[bool | None], state: State) -> State:
    """Give the state after some periods.

    Args:
        alarm: its properties.
        breaches: whether the threshold was breached in each, the latest last; None where data is missing.
        state: the one before.
    """
    evaluated = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm", evaluated)
    found = [breach for breach in breaches if breach is not None][-evaluated:]
    missing = evaluated - len(found)
    match alarm["TreatMissingData"]:
        case "notBreaching":
            found += [False] * missing
        case "breaching":
            found += [True] * missing
        case "ignore":
            if missing and sum(found) < needed and all(found):
                return state
        case treatment:
            raise NotImplementedError(treatment)
    return State.ALARM if sum(found) >= needed else State.OK


def calculate(expression: str, values: Mapping[str, float | None]) -> float | None:
    """Calculate a metric math expression for one period.

    Args:
        expression: arithmetic, comparisons, AND, OR, IF, FILL, and SUM, MIN or MAX of a list.
        values: by id; None where data is missing.

    Returns:
        The result, or None: CloudWatch gives no data point.
    """
    return _calculate(_parsed(expression), values)


@cache
def _parsed(expression: str) -> ast.expr:
    python = re.sub(r"\bAND\b|&&", " and ", re.sub(r"\bOR\b|\|\|", " or ", expression))
    return ast.parse(python.strip(), mode="eval").body


def _calculate(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as constant):
            return constant
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]):
            first, second = _calculate(left, values), _calculate(right, values)
            if first is None or second is None or (isinstance(sign, ast.Div) and not second):
                return None
            return float(_OPERATORS[type(sign)](first, second))
        case ast.BoolOp(op=sign, values=parts):
            found = [_calculate(part, values) for part in parts]
            if None in found:
                return None
            return float(all(found) if isinstance(sign, ast.And) else any(found))
        case ast.Call(func=ast.Name(id="FILL"), args=[inner, filling]):
            found_or_none = _calculate(inner, values)
            return _calculate(filling, values) if found_or_none is None else found_or_none
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            chosen = _calculate(condition, values)
            return None if chosen is None else _calculate(then if chosen else otherwise, values)
        case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=parts)]):
            numbers = [number for part in parts if (number := _calculate(part, values)) is not None]
            return float(_FUNCTIONS[name](numbers)) if numbers else None
    raise NotImplementedError(ast.unparse(node))


def _sources(alarm: Any) -> dict[str, tuple[Metric, str, int]]:
    """The metrics of an alarm, each with its statistic and period in seconds, by id."""
    if "Metrics" not in alarm:
        return {"": (_read(alarm), alarm["Statistic"], alarm["Period"])}
    sources = [query for query in alarm["Metrics"] if "MetricStat" in query]
    return {
        query["Id"]: (_read(query["MetricStat"]["Metric"]), query["MetricStat"]["Stat"], query["MetricStat"]["Period"])
        for query in sources
    }


def _read(source: Any) -> Metric:
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in source["Dimensions"]}
    return metric(source["Namespace"], source["MetricName"], dimensions)


def _statistic(name: str, series: Series, start: int, end: int) -> float | None:
    points = [series[minute] for minute in range(start, end) if minute in series]
    return _STATISTICS[name](points) if points else None


def _expression(alarm: Any) -> str:
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if query.get("ReturnData", True))
    return str(expression)
