"""Input and result of a simulation."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.simulate.checks import BrokenRuleError
from lab.simulate.employees import Submission
from lab.simulate.schedule import ScheduledFault


class Plan(NamedTuple):
    """Input of a simulation. The same plan always produces the same trace."""

    seed: int
    days: int
    employees: Sequence[int]
    faults: Sequence[ScheduledFault]
    has_sqs_anomalies: bool = True  # whether SQS duplicates, reorders and loses deliveries, as its documentation warns
    submissions: Sequence[Submission] | None = None  # None: those that the seed draws for the employees


class SimulationResult(NamedTuple):
    """Result of a simulation."""

    counts: dict[str, int]
    accepted: int
    broken_rule: BrokenRuleError | None
    invocations: int

    def __str__(self) -> str:
        rare = ("removed by operators", "expired")
        counts = {name: number for name, number in self.counts.items() if number or name not in rare}
        return ", ".join(f"{name} {number}" for name, number in {"accepted": self.accepted, **counts}.items())
