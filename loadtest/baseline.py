"""A run beside an earlier one, of which summary.json was kept: what is slower, by more than runs differ anyway."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.kit import tables
from tools.kit.errors import CommandError
from tools.kit.output import print_result
from tools.kit.tables import Column

SLOWER, UNCERTAIN = 5, 6

# How much worse a figure may be before that is more than noise, as a share: see README.md, "Beside a baseline".
_NOISE = {
    "punches": {"requests/s": 0.56, "average, ms": 0.56, "p50": 0.56, "p95": 1.12, "p99": 2.24},
    "four-peaks": {"p50": 1.12, "p99": 2.24},  # an open model: how many requests a second, its schedule says
}
_MORE_IS_BETTER = frozenset({"requests/s"})
_FLOOR_MS = 5  # a latency that grew by less is none: JMeter counts whole milliseconds

_SAME = ("plan", "model", "host", "cores")  # keys that two runs have in common, or they are no comparison
_NOT_THE_LOAD = frozenset({"firstEmployee"})  # of the plan's properties


class Change(NamedTuple):
    """A figure in two runs."""

    figure: str
    baseline: float
    now: float
    noise: float  # how much worse it may be by chance, as a share

    @property
    def times(self) -> float:
        """How many times as bad it is now; 1 is as it was."""
        worse, better = (self.baseline, self.now) if self.figure in _MORE_IS_BETTER else (self.now, self.baseline)
        return worse / better if better else 1.0

    @property
    def is_slower(self) -> bool:
        """Whether it is worse by more than noise."""
        small = self.figure not in _MORE_IS_BETTER and self.now - self.baseline < _FLOOR_MS
        return not small and self.times > 1 + self.noise

    @property
    def text(self) -> str:
        """Name it in a sentence."""
        return f"{self.figure} {self.now:,.0f} after {self.baseline:,.0f}"


class Comparison(NamedTuple):
    """A run beside a baseline."""

    file: str
    changes: list[Change]
    is_busy: bool  # something else took CPU during this run
    was_busy: bool  # or during the baseline's

    @property
    def slower(self) -> list[Change]:
        """What is worse by more than noise."""
        return [change for change in self.changes if change.is_slower]

    @property
    def status(self) -> int:
        """The exit status, if nothing worse is to be said of the run."""
        if not self.slower:
            return 0
        return UNCERTAIN if self.is_busy else SLOWER

    def summary(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "file": self.file,
            "changes": [change._asdict() | {"slower": change.is_slower} for change in self.changes],
            "busy": self.is_busy,
            "baseline_busy": self.was_busy,
        }

    def sentence(self) -> str:
        """Give the result in a sentence."""
        slower = "; ".join(change.text for change in self.slower)
        if not slower:
            text = f"no figure is worse than in {self.file} by more than its noise"
        elif self.is_busy:
            text = f"slower than {self.file}, but this machine was busy with something else: measure again ({slower})"
        else:
            text = f"SLOWER than {self.file}: {slower}"
        return text + ("; the baseline was measured beside something else" if self.was_busy else "")

    def show(self) -> None:
        """Print the figures beside each other, and the result in a sentence."""
        print_result("")
        self.draw()
        print_result("", self.sentence())

    def draw(self) -> None:
        """Print the figures beside each other."""
        names = ("beside the baseline", "baseline", "this run", "noise", "")
        rows = [
            (
                change.figure,
                f"{change.baseline:,.0f}",
                f"{change.now:,.0f}",
                f"{change.noise:.0%}",
                "slower" if change.is_slower else "",
            )
            for change in self.changes
        ]
        tables.show([Column(name, right=name not in (names[0], "")) for name in names], rows)


def read(file: Path) -> dict[str, Any]:
    """Read the summary of an earlier run.

    Raises:
        CommandError: it cannot be read, or is none.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"the baseline {file} cannot be read: {error.strerror}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"plan", "properties", "requests_per_second", "latency_ms"} <= found.keys():
        raise CommandError(f"the baseline {file} is no summary.json of a load test")
    return found


def difference(baseline: Mapping[str, Any], load: Mapping[str, Any]) -> str | None:
    """Say why a run cannot be compared with another; None: it can be.

    Args:
        baseline: the summary of the earlier run.
        load: of the present one, as far as it is known before it begins. What an earlier version did not write is not
            compared.
    """
    for name in _SAME:
        if baseline.get(name, load[name]) != load[name]:
            return f"{name} is {baseline[name]!r} there and {load[name]!r} here"
    there, here = _properties(baseline), _properties(load)
    for name in sorted(there.keys() | here.keys()):
        if there.get(name) != here.get(name):
            return f"{name} is {there.get(name)!r} there and {here.get(name)!r} here"
    return None


def compare(file: str, baseline: Mapping[str, Any], summary: Mapping[str, Any]) -> Comparison:
    """Compare a run with an earlier one.

    Args:
        file: the earlier one's, for the reader.
        baseline: its summary.
        summary: of this run.
    """
    changes = _changes(baseline, summary)
    before, now = baseline.get("open_model"), summary.get("open_model")
    if before and now and _properties(before) == _properties(now):
        changes += [change._replace(figure=f"{now['model']}: {change.figure}") for change in _changes(before, now)]
    return Comparison(file, changes, _is_busy(summary), _is_busy(baseline))


def _changes(baseline: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Change]:
    before, now = _figures(baseline), _figures(summary)
    return [Change(figure, before[figure], now[figure], noise) for figure, noise in _NOISE[summary["plan"]].items()]


def _figures(summary: Mapping[str, Any]) -> dict[str, float]:
    latency = summary["latency_ms"]
    return {"requests/s": summary["requests_per_second"], "average, ms": latency["average"], **latency}


def _properties(load: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in load["properties"].items() if name not in _NOT_THE_LOAD}


def _is_busy(summary: Mapping[str, Any]) -> bool:
    runs = (summary, summary.get("open_model") or {})
    return any(run.get("elsewhere", {}).get("busy", False) for run in runs)
