"""Harness of the benchmarks: interleaved rounds, medians and tables."""

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lab.bench.server import BenchServer
from tools.kit import tables
from tools.kit.output import print_result


class Sizes(NamedTuple):
    """Sizes of the benchmarks."""

    punches: int
    batch: tuple[int, ...]
    rounds: int
    millions: tuple[float, ...]
    starts: int
    employees: int
    months: int
    distance: tuple[float, ...] = ()  # round trips in milliseconds
    ids: tuple[str, ...] = ()  # kinds of ids; empty: all


class Spread(NamedTuple):
    """Median, minimum and maximum of repeated runs."""

    median: float
    least: float
    most: float

    def format(self, digits: int) -> str:
        """Format the figures with `digits` decimals; only the median if all runs are equal."""
        if self.least == self.most:
            return f"{self.median:,.{digits}f}"
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"


def summarize_values(values: Iterable[float]) -> Spread:
    """Return the spread of the values of some runs.

    Raises:
        statistics.StatisticsError: there are no values.
    """
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


class BenchCase(NamedTuple):
    """Case of a benchmark."""

    facts: dict[str, Any]  # by name; they identify the case
    run: Callable[[], Mapping[str, float]]  # measures it once, and returns figures by name


class Measurement(NamedTuple):
    """Figures of all runs of a case."""

    facts: dict[str, Any]
    figures: dict[str, Spread]


def measure_cases(part: str, cases: Sequence[BenchCase], rounds: int) -> list[Measurement]:
    """Run all cases in turn, round by round, so that other load of the machine affects them equally.

    Args:
        part: name of the benchmark, for progress on standard error.
        cases: in the order in which they run.
        rounds: number of runs of each case.
    """
    runs: list[list[Mapping[str, float]]] = [[] for _ in cases]
    for round_ in range(rounds):
        for case, results in zip(cases, runs, strict=True):
            name = ", ".join(f"{fact:,}" if isinstance(fact, int) else str(fact) for fact in case.facts.values())
            print(f"{part}: round {round_ + 1} of {rounds}, {name}", file=sys.stderr, flush=True)
            results.append(case.run())
    return [
        Measurement(case.facts, {name: summarize_values(run[name] for run in results) for name in results[0]})
        for case, results in zip(cases, runs, strict=True)
    ]


def median(rows: Iterable[Measurement], figure: str, /, **facts: Any) -> float | None:
    """Return the median of a figure in the first row with `facts`, or None if it was not measured."""
    for row in rows:
        if figure in row.figures and all(row.facts.get(name) == fact for name, fact in facts.items()):
            return row.figures[figure].median
    return None


def add_figure(
    rows: Iterable[Measurement], name: str, value: Callable[[Measurement], float | None]
) -> list[Measurement]:
    """Return the rows with an additional figure; `value` computes it for a row, or returns None."""
    new_rows = []
    for row in rows:
        figure = value(row)
        new_rows.append(
            row if figure is None else Measurement(row.facts, row.figures | {name: summarize_values([figure])})
        )
    return new_rows


class ResultColumn(NamedTuple):
    """Column of a fact or figure."""

    heading: str
    digits: int = 0
    median_only: bool = False


class ResultTable(NamedTuple):
    """Rows of measurements, with the columns to print."""

    columns: dict[str, ResultColumn]  # by the name of the fact or figure
    rows: list[Measurement]
    title: str = ""
    note: Sequence[str] = ()  # lines below the table


def print_table(table: ResultTable) -> None:
    """Print a table on standard output."""
    text_columns = {name for row in table.rows for name, fact in row.facts.items() if isinstance(fact, str)}
    columns = [
        tables.Column(column.heading, align_right=name not in text_columns) for name, column in table.columns.items()
    ]
    cells = [[_cell(row, name, column) for name, column in table.columns.items()] for row in table.rows]
    print_result(*([table.title, ""] if table.title else []))
    tables.show(columns, cells)
    print_result("", *table.note, *([""] if table.note else []))


def _cell(row: Measurement, name: str, column: ResultColumn) -> str:
    if name in row.figures:
        figure = row.figures[name]
        return f"{figure.median:,.{column.digits}f}" if column.median_only else figure.format(column.digits)
    fact = row.facts.get(name, "")
    return fact if isinstance(fact, str) else f"{fact:,.{column.digits}f}"


class Part(NamedTuple):
    """Benchmark of `make bench`; slices can add others."""

    description: str  # for the help
    measure: Callable[[BenchServer, Sizes], list[ResultTable]]


class Reading(NamedTuple):
    """Query of a slice, which `growth` measures on each of its tables.

    Attributes:
        description: for the heading of a column.
        measure: given the number of employees, queries a random employee, and returns the duration in milliseconds.
    """

    description: str
    measure: Callable[[BenchServer, int], float]
