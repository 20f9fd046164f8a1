"""A run that broke a rule, made as short as it can be, and printed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lab.simulate import employees
from lab.simulate.checks import BrokenError
from lab.simulate.clock import DAY
from lab.simulate.employees import Sending
from lab.simulate.plan import Plan

_FIRST_LOOK = (1, 3, 16)  # days before the end: what broke a rule mostly began there
_LIKE = 3  # lines of a kind that a story has at least

Part = TypeVar("Part")


def shorten(plan: Plan, broken: BrokenError, run: Callable[[Plan], BrokenError | None]) -> Plan:
    """Leave out of a plan what the broken rule does not need.

    Args:
        plan: it broke a rule.
        broken: how.
        run: runs a plan.
    """

    def breaks(candidate: Plan) -> bool:
        found = run(candidate)
        return found is not None and found.rule == broken.rule

    days = int(broken.at // DAY) + 1
    sendings = sorted(
        sending
        for day in range(min(days, plan.days))
        for employee in plan.employees
        for sending in employees.of_day(plan.seed, day, employee)
        if sending.at <= broken.at
    )
    faults = [fault for fault in plan.faults if fault.begin <= broken.at]
    whole = plan._replace(days=days, faults=faults, sendings=sendings)
    for shorter in _guesses(whole, sendings, broken):
        if breaks(shorter):
            whole = shorter
            break
    else:
        return plan
    while True:
        size = len(whole.sendings or ()) + len(whole.faults)
        if whole.odd and breaks(calm := whole._replace(odd=False)):
            whole = calm
        wrong = _fewer(whole.faults, lambda kept: breaks(whole._replace(faults=kept)))  # noqa: B023  used at once
        whole = whole._replace(faults=wrong)
        sent = _fewer(whole.sendings or (), lambda kept: breaks(whole._replace(sendings=kept)))  # noqa: B023
        whole = whole._replace(sendings=sent)
        if len(sent) + len(wrong) == size:
            return whole


def _guesses(whole: Plan, sendings: Sequence[Sending], broken: BrokenError) -> Iterator[Plan]:
    """Give plans that may do, the shortest first: of the message alone, of the last days, and the whole."""
    if broken.about:
        alone = [sending for sending in sendings if sending.id == broken.about.sending.id]
        begin = min((sending.at for sending in alone), default=0) - DAY
        yield whole._replace(sendings=alone, faults=[fault for fault in whole.faults if fault.end >= begin])
    for before in _FIRST_LOOK:
        begin = broken.at - before * DAY
        yield whole._replace(
            sendings=[sending for sending in sendings if sending.at >= begin],
            faults=[fault for fault in whole.faults if fault.end >= begin],
        )
    yield whole


def _fewer(parts: Sequence[Part], suffice: Callable[[Sequence[Part]], bool]) -> Sequence[Part]:
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


def condensed(lines: Sequence[str]) -> Iterator[str]:
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
