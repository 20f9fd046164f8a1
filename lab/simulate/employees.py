"""Who punches when: a working day of each employee, drawn from the seed, the day and the employee alone."""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from random import Random
from typing import NamedTuple
from uuid import UUID

from lab.simulate.clock import DAY, HOUR, to_datetime
from loadtest.ledger import PunchKey
from ponto.parser import parse
from tools.kit import event

_LOCAL = timezone(timedelta(hours=-3))
_PEAKS = (8 * HOUR, 12 * HOUR, 13 * HOUR, 18 * HOUR)
_HABIT_SECONDS, _SPREAD_SECONDS = 300, 240  # s, standard deviations: between employees, and between days of one

# How likely.
_NO_ID_PROBABILITY = 0.3  # of the employees: they punch at an old terminal
_OFFLINE_PROBABILITY, _DAYS_LATE_PROBABILITY = 0.012, 0.15  # of the working days; of these
_RESEND_PROBABILITY = 0.006  # of the punches: the answer got lost
_CONFLICT_PROBABILITY = 0.0005  # of the punches: a broken device gives its id again
_MALFORMED_PROBABILITY = 0.001  # of the punches: it sends besides what is no punch


class Submission(NamedTuple):
    """What a device posts, and when the gateway accepts it."""

    accepted_at: float  # clock
    body: str
    punch: PunchKey | None  # None: it can never be a row
    description: str  # for people

    @property
    def id(self) -> str:
        """Of the row that it should become; empty where it can be none."""
        return self.punch.id if self.punch else ""


def submissions_of_day(seed: int, day: int, employee: int) -> Iterator[Submission]:
    """Give what an employee's device sends of a day, also if it is sent later.

    Args:
        seed: of everything.
        day: from 0.
        employee: the number; each has one day of the week off.
    """
    if (day + employee) % 7 == 0:
        return
    own = Random(f"employee {seed} {employee}")
    habit, without_id = own.gauss(0, _HABIT_SECONDS), own.random() < _NO_ID_PROBABILITY
    rng = Random(f"day {seed} {day} {employee}")
    sent_at: float | None = None
    if rng.random() < _OFFLINE_PROBABILITY:
        later = rng.uniform(1, 6) * DAY if rng.random() < _DAYS_LATE_PROBABILITY else rng.uniform(0, 4) * HOUR
        sent_at = day * DAY + 18 * HOUR + later
    for peak in _PEAKS:
        punched = round(day * DAY + peak + habit + rng.gauss(0, _SPREAD_SECONDS), 3)
        submission = _punch(rng, employee, punched, sent_at, without_id=without_id)
        yield submission
        if rng.random() < _RESEND_PROBABILITY:
            yield submission._replace(
                accepted_at=submission.accepted_at + rng.uniform(0.2, 30),
                description=f"{submission.description} again",
            )
        if not without_id and rng.random() < _CONFLICT_PROBABILITY:
            other = _punch(rng, employee, punched + 60, None, without_id=False, punch_id=submission.id)
            yield other._replace(description=f"{other.description} with the id of the one before")
        if rng.random() < _MALFORMED_PROBABILITY:
            yield Submission(punched + 1, "{", None, f"employee {employee} sends half a punch")


def _punch(
    rng: Random, employee: int, punched: float, sent_at: float | None, *, without_id: bool, punch_id: str = ""
) -> Submission:
    when = to_datetime(punched)
    fields = event.body(employee, when.astimezone(_LOCAL).isoformat())
    if not without_id:
        fields["id"] = punch_id or str(UUID(int=rng.getrandbits(128), version=4))
    at = punched + rng.uniform(0.1, 1.5)
    if sent_at is not None:
        at = max(at, sent_at + rng.uniform(0, 2))
        fields |= event.OPTIONAL_FIELDS
    how = ", sent late" if sent_at is not None else ""
    text = json.dumps(fields)
    return Submission(at, text, PunchKey(parse(text, UTC).id, employee, when), f"employee {employee} punches{how}")
