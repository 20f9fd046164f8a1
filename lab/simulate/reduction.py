"""Reduction of a plan that breaks a rule, and of its trace."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lab.simulate import employees
from lab.simulate.checks import BrokenRuleError
from lab.simulate.clock import DAY
from lab.simulate.employees import Submission
from lab.simulate.plan import Plan
from lab.simulate.schedule import ScheduledFault

_LAST_DAYS = (1, 3, 16)  # periods before the rule broke, which usually contain the cause
_MAX_SIMILAR_LINES = 4  # more are condensed

Part = TypeVar("Part")


def shorten(plan: Plan, broken: BrokenRuleError, run: Callable[[Plan], BrokenRuleError | None]) -> Plan:
    """Return a smaller plan that breaks the same rule: without the faults and submissions that are not needed.

    Args:
        plan: a plan that breaks a rule.
        broken: the error that the plan ended with.
        run: runs a plan, and returns its error or None.
    """

    def breaks(candidate: Plan) -> bool:
        error = run(candidate)
        return error is not None and error.rule == broken.rule

    def breaks_with_faults(faults: Sequence[ScheduledFault]) -> bool:
        return breaks(smallest._replace(faults=faults))

    def breaks_with_submissions(submissions: Sequence[Submission]) -> bool:
        return breaks(smallest._replace(submissions=submissions))

    days = int(broken.time // DAY) + 1
    submissions = sorted(
        submission
        for day in range(min(days, plan.days))
        for employee_id in plan.employees
        for submission in employees.submissions_of_day(plan.seed, day, employee_id)
        if submission.accepted_at <= broken.time
    )
    faults = [fault for fault in plan.faults if fault.begin <= broken.time]
    smallest = plan._replace(days=days, faults=faults, submissions=submissions)
    for shorter in _candidates(smallest, submissions, broken):
        if breaks(shorter):
            smallest = shorter
            break
    else:
        return plan
    while True:
        size = len(smallest.submissions or ()) + len(smallest.faults)
        if smallest.has_sqs_anomalies and breaks(calm_plan := smallest._replace(has_sqs_anomalies=False)):
            smallest = calm_plan
        needed_faults = _minimize(smallest.faults, breaks_with_faults)
        smallest = smallest._replace(faults=needed_faults)
        needed_submissions = _minimize(smallest.submissions or (), breaks_with_submissions)
        smallest = smallest._replace(submissions=needed_submissions)
        if len(needed_submissions) + len(needed_faults) == size:
            return smallest


def _candidates(plan: Plan, submissions: Sequence[Submission], broken: BrokenRuleError) -> Iterator[Plan]:
    """Yield plans that may break the rule: the message that broke it alone, the last days, and the whole plan."""
    if broken.accepted:
        same_id = [submission for submission in submissions if submission.id == broken.accepted.submission.id]
        begin = min((submission.accepted_at for submission in same_id), default=0) - DAY
        yield plan._replace(submissions=same_id, faults=[fault for fault in plan.faults if fault.end >= begin])
    for days in _LAST_DAYS:
        begin = broken.time - days * DAY
        yield plan._replace(
            submissions=[submission for submission in submissions if submission.accepted_at >= begin],
            faults=[fault for fault in plan.faults if fault.end >= begin],
        )
    yield plan


def _minimize(parts: Sequence[Part], suffices: Callable[[Sequence[Part]], bool]) -> Sequence[Part]:
    """Remove ever shorter runs of parts as long as the rest suffices (delta debugging, by Zeller)."""
    length = len(parts)
    while length:
        length = (length + 1) // 2
        begin = 0
        while begin < len(parts):
            rest = [*parts[:begin], *parts[begin + length :]]
            if suffices(rest):
                parts = rest
            else:
                begin += length
        if length == 1:
            break
    return parts


def condense(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a trace; of many lines that differ only in numbers, the first two and the last."""
    shapes = [re.sub(r"\d+(\.\d+)?( (d|h|min|s)\b)*", "#", line) for line in lines]
    totals, printed = Counter(shapes), Counter[str]()
    left_out = 0
    for line, shape in zip(lines, shapes, strict=True):
        printed[shape] += 1
        if totals[shape] > _MAX_SIMILAR_LINES and 2 < printed[shape] < totals[shape]:
            left_out += 1
            continue
        if left_out:
            yield f"  ... {left_out} more lines like these"
            left_out = 0
        yield line
