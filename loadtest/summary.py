"""Summary of a run: for JSON, as a table, and as a sentence."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.ledger import Ledger, StoredPunch
from loadtest.results import Figures
from tools.kit import tables
from tools.kit.output import camel_case, pluralize, print_result
from tools.kit.tables import Column

_MAX_EXAMPLES = 20  # ids of missing and twice stored punches

MISSING, ERRORS = 1, 4

_COMPARISON = Path(__file__).with_name("comparison.json")
"""Optional file with further columns of the table: cells by the name of the row, by the name of the column."""


class TestPlan(NamedTuple):
    """Test plan of JMeter with its properties."""

    name: str  # of the .jmx file
    model: str  # description, such as "closed model, 200 users"
    properties: dict[str, object]  # except those of the system
    requests: int | None  # approximate; None: depends on the speed of the answers
    seconds: float  # duration at the maximum rate; 0: depends on the speed of the answers


class LoadResult(NamedTuple):
    """Result of a run."""

    id_prefix: str  # of all ids of the run
    figures: Figures
    rows: list[StoredPunch]
    ledger: Ledger
    depths: list[tuple[float, int]]  # seconds since the start, and messages in the queue
    load: float  # load average of this machine over one minute, after the last answer

    @property
    def lag(self) -> float | None:
        """Seconds from the last 202, by this machine's clock, to the last row, by the database's clock."""
        stored = [row.stored_at.timestamp() for row in self.rows if row.stored_at and row.key in self.figures.accepted]
        return max(stored) - self.figures.last_accepted_ms / 1000 if stored else None

    @property
    def unanswered_row_count(self) -> int:
        """Number of rows of punches without a 202; some may be stored later."""
        return len({row.key for row in self.rows} - self.figures.accepted.keys())

    @property
    def status(self) -> int:
        """Exit status of the command."""
        if not self.ledger.is_complete:
            return MISSING
        return ERRORS if self.figures.errors else 0

    def summary(self, plan: TestPlan) -> dict[str, Any]:
        """Return the result as a dictionary, with names in snake case; `latency_ms` is added later."""
        figures, ledger = self.figures, self.ledger
        lag = self.lag
        summary: dict[str, Any] = {
            "plan": plan.name,
            "model": plan.model,
            "properties": plan.properties,
            "id_prefix": self.id_prefix,
            "requests": figures.requests,
            "accepted": len(figures.accepted),
            "repeats": figures.repeats,
            "refused": figures.refused,
            "errors": figures.errors,
            "stored": ledger.stored,
            "stored_unanswered": self.unanswered_row_count,
            "dead_letters": sum(ledger.dead_letters.values()),
            "missing": len(ledger.lost),
            "stored_twice": len(ledger.stored_twice),
            "seconds": round(figures.seconds, 3),
            "requests_per_second": round(figures.requests_per_second, 1),
            "drain_lag_seconds": None if lag is None else round(lag, 3),
            "queue_depth": [{"seconds": round(at, 1), "messages": depth} for at, depth in self.depths],
            "load_average": round(self.load, 2),
        }
        if figures.failures:
            summary["failures"] = figures.failures
        if not ledger.is_complete:
            summary["examples"] = {
                "missing": ledger.lost[:_MAX_EXAMPLES],
                "stored_twice": ledger.stored_twice[:_MAX_EXAMPLES],
            }
        return summary


def to_json(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a summary with names in camel case, except the descriptions of failures."""
    plain = {name: value for name, value in summary.items() if name not in ("failures", "open_model")}
    converted = camel_case(plain) | {name: summary[name] for name in summary.keys() & {"failures"}}
    return converted | ({"openModel": to_json(summary["open_model"])} if "open_model" in summary else {})


def print_summary(summary: dict[str, Any]) -> None:
    """Print a summary as a table and as a sentence.

    Args:
        summary: return value of `LoadResult.summary`; its `open_model` is the summary of the second run.
    """
    runs = [run for run in (summary, summary.get("open_model")) if run]
    columns = {run["model"]: _format_cells(run) for run in runs}
    row_names = list(columns[summary["model"]])
    if _COMPARISON.exists():
        columns = json.loads(_COMPARISON.read_text(encoding="utf-8")) | columns
    rows = [(name, *(cells.get(name, "") for cells in columns.values())) for name in row_names]
    tables.show([Column(name, align_right=bool(name), wraps=True) for name in ("", *columns)], rows)
    print_result("")
    for run in runs:
        print_result(format_sentence(run) if len(runs) == 1 else f"{run['model']}: {format_sentence(run)}")


def _format_cells(summary: dict[str, Any]) -> dict[str, str]:
    latency = summary["latency_ms"]

    def count(name: str) -> str:
        return f"{summary[name]:,}"

    lag = summary["drain_lag_seconds"]
    return {
        "requests": count("requests"),
        "seconds": f"{summary['seconds']:,.1f}",
        "requests/s": f"{summary['requests_per_second']:,.1f}",
        "average, ms": f"{latency['average']:,.0f}",
        **{name: f"{latency[name]:,.0f}" for name in ("min", "p50", "p95", "p99", "max")},
        "errors": f"{100 * summary['errors'] / summary['requests']:.2f} %",
        "accepted punches": count("accepted"),
        "repeats": count("repeats"),
        "refused": count("refused"),
        "rows": count("stored"),
        "rows without a 202": count("stored_unanswered"),
        "dead letters": count("dead_letters"),
        "missing": count("missing"),
        "stored twice": count("stored_twice"),
        "last row after last 202, s": "none" if lag is None else f"{lag:.1f}",
        "load average": f"{summary['load_average']:.1f}",
    }


def format_sentence(summary: dict[str, Any]) -> str:
    """Format a summary as a sentence."""
    accepted, stored = f"{summary['accepted']:,} accepted punches", summary["stored"]
    if summary["missing"] or summary["stored_twice"]:
        text = f"BROKEN: {accepted}, {summary['missing']:,} missing, {summary['stored_twice']:,} stored twice"
    else:
        dead_letters = f" and {summary['dead_letters']:,} dead letters" if summary["dead_letters"] else ""
        text = f"{accepted} = {stored:,} rows{dead_letters}"
    if summary["errors"]:
        failures = "; ".join(f"{times:,} {description}" for description, times in summary["failures"].items())
        text += f"; {summary['errors']:,} requests failed: {failures}"
    if summary["stored_unanswered"]:
        text += f"; {pluralize(summary['stored_unanswered'], 'row')} without a 202"
    return text
