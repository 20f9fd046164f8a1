"""A run that broke a rule, made as short as it can be, and printed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lab.simulate import employees
from lab.simulate.checks import BrokenRuleError
from lab.simulate.clock import DAY
from lab.simulate.employees import Submission
from lab.simulate.plan import Plan

_FIRST_LOOK = (1, 3, 16)  # days before the end: what broke a rule mostly began there
_LIKE = 3  # lines of a kind that a story has at least

Part = TypeVar("Part")


def shorten(plan: Plan, broken: BrokenRuleError, run: Callable[[Plan], BrokenRuleError | None]) -> Plan:
    """Leave out of a plan what the broken rule does not need.

    Args:
        plan: it broke a rule.
        broken: how.
        run: runs a plan.
    """

    def breaks(candidate: Plan) -> bool:
        found = run(candidate)
        return found is not None and found.rule == broken.rule

    days = int(broken.time // DAY) + 1
    submissions = sorted(
        submission
        for day in range(min(days, plan.days))
        for employee in plan.employees
        for submission in employees.submissions_of_day(plan.seed, day, employee)
        if submission.accepted_at <= broken.time
    )
    faults = [fault for fault in plan.faults if fault.begin <= broken.time]
    whole = plan._replace(days=days, faults=faults, submissions=submissions)
    for shorter in _candidates(whole, submissions, broken):
        if breaks(shorter):
            whole = shorter
            break
    else:
        return plan
    while True:
        size = len(whole.submissions or ()) + len(whole.faults)
        if whole.has_sqs_anomalies and breaks(calm := whole._replace(has_sqs_anomalies=False)):
            whole = calm
        wrong = _minimize(whole.faults, lambda kept: breaks(whole._replace(faults=kept)))  # noqa: B023  used at once
        whole = whole._replace(faults=wrong)
        sent = _minimize(whole.submissions or (), lambda kept: breaks(whole._replace(submissions=kept)))  # noqa: B023
        whole = whole._replace(submissions=sent)
        if len(sent) + len(wrong) == size:
            return whole


def _candidates(whole: Plan, submissions: Sequence[Submission], broken: BrokenRuleError) -> Iterator[Plan]:
    """Give plans that may do, the shortest first: of the message alone, of the last days, and the whole."""
    if broken.accepted:
        alone = [submission for submission in submissions if submission.id == broken.accepted.submission.id]
        begin = min((submission.accepted_at for submission in alone), default=0) - DAY
        yield whole._replace(submissions=alone, faults=[fault for fault in whole.faults if fault.end >= begin])
    for before in _FIRST_LOOK:
        begin = broken.time - before * DAY
        yield whole._replace(
            submissions=[submission for submission in submissions if submission.accepted_at >= begin],
            faults=[fault for fault in whole.faults if fault.end >= begin],
        )
    yield whole


def _minimize(parts: Sequence[Part], suffice: Callable[[Sequence[Part]], bool]) -> Sequence[Part]:
    """Leave out parts, in ever smaller runs, for as long as the rest suffices (Zeller's delta debugging)."""
    length = len(parts)
    while length:
        length = (length + 1) // 2
        begin = 0
        while begin < len(parts):
            rest = [*parts[:begin], *parts[begin + length :]]
            if suffice(rest):
                parts = rest
            else:
                begin += length
        if length == 1:
            break
    return parts


def condense(lines: Sequence[str]) -> Iterator[str]:
    """Give the lines of a trace, but of each run of lines that say the same only the first and the last."""
    shapes = [re.sub(r"\d+(\.\d+)?( (d|h|min|s)\b)*", "#", line) for line in lines]
    often, printed = Counter(shapes), Counter[str]()
    left_out = 0
    for line, shape in zip(lines, shapes, strict=True):
        printed[shape] += 1
        if often[shape] > _LIKE + 1 and 2 < printed[shape] < often[shape]:
            left_out += 1
            continue
        if left_out:
            yield f"  ... {left_out} more lines like these"
            left_out = 0
        yield line
