"""What a run follows from, and how it ended."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.simulate.checks import BrokenRuleError
from lab.simulate.employees import Submission
from lab.simulate.schedule import ScheduledFault


class Plan(NamedTuple):
    """All that a run follows from."""

    seed: int
    days: int
    employees: Sequence[int]
    faults: Sequence[ScheduledFault]
    has_sqs_anomalies: bool = True  # whether SQS does what it warns of
    submissions: Sequence[Submission] | None = None  # instead of what the employees of the seed send


class SimulationResult(NamedTuple):
    """How a run ended."""

    counts: dict[str, int]
    accepted: int
    broken_rule: BrokenRuleError | None
    invocations: int

    def __str__(self) -> str:
        rare = ("removed by operators", "expired")
        counts = {name: number for name, number in self.counts.items() if number or name not in rare}
        return ", ".join(f"{name} {number}" for name, number in {"accepted": self.accepted, **counts}.items())
