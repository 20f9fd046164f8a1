"""The harness: what is measured runs round by round, and becomes medians and tables."""

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lab.bench.server import Server
from tools.kit import tables
from tools.kit.output import print_result


class Sizes(NamedTuple):
    """How much of everything is measured."""

    punches: int
    batch: tuple[int, ...]
    rounds: int
    millions: tuple[float, ...]
    starts: int
    employees: int
    months: int
    distance: tuple[float, ...] = ()  # ms of a round trip
    ids: tuple[str, ...] = ()  # kinds of them; empty: all


class Spread(NamedTuple):
    """What some runs of the same came to."""

    median: float
    least: float
    most: float

    def format(self, digits: int) -> str:
        """Write it with so many decimals; of runs that are all the same, the one figure."""
        if self.least == self.most:
            return f"{self.median:,.{digits}f}"
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"


def summarize_values(values: Iterable[float]) -> Spread:
    """Summarize runs.

    Raises:
        statistics.StatisticsError: there are none.
    """
    results = sorted(values)
    return Spread(statistics.median(results), results[0], results[-1])


class BenchCase(NamedTuple):
    """What is measured side by side with others."""

    facts: dict[str, Any]  # what tells it from the others, by name
    run: Callable[[], Mapping[str, float]]  # measures it once; gives figures by name


class Measurement(NamedTuple):
    """What the runs of a case came to."""

    facts: dict[str, Any]
    figures: dict[str, Spread]


def measure_cases(part: str, cases: Sequence[BenchCase], rounds: int) -> list[Measurement]:
    """Run all in turn, round by round, so that what the machine does meanwhile befalls all alike.

    Args:
        part: names what is measured, on standard error.
        cases: in this order.
        rounds: how often.
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
    """Give the median of a figure in the first row with some facts; None: it was not measured."""
    for row in rows:
        if figure in row.figures and all(row.facts.get(name) == fact for name, fact in facts.items()):
            return row.figures[figure].median
    return None


def add_figure(
    rows: Iterable[Measurement], name: str, value: Callable[[Measurement], float | None]
) -> list[Measurement]:
    """Add to each row a figure that follows from the others, where there is one."""
    results = []
    for row in rows:
        figure = value(row)
        results.append(
            row if figure is None else Measurement(row.facts, row.figures | {name: summarize_values([figure])})
        )
    return results


class ResultColumn(NamedTuple):
    """How a fact or a figure is shown."""

    heading: str
    digits: int = 0
    median_only: bool = False


class ResultTable(NamedTuple):
    """Rows, and which of their facts and figures are shown."""

    columns: dict[str, ResultColumn]  # by the name of the fact or figure
    rows: list[Measurement]
    title: str = ""
    note: Sequence[str] = ()  # lines below it


def print_table(table: ResultTable) -> None:
    """Print a table on standard output."""
    texts = {name for row in table.rows for name, fact in row.facts.items() if isinstance(fact, str)}
    columns = [tables.Column(column.heading, align_right=name not in texts) for name, column in table.columns.items()]
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
    """What `make bench` measures under a name; slices bring parts of their own."""

    description: str  # a line of its help
    measure: Callable[[Server, Sizes], list[ResultTable]]


class Reading(NamedTuple):
    """What slices have `growth` time on each of its tables."""

    description: str
    measure: Callable[[Server, int], float]  # of one of so many employees; gives ms
