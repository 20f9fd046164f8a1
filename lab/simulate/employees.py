"""Punches of each employee and day, drawn only from the seed, the day and the employee."""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from random import Random
from typing import NamedTuple
from uuid import UUID

from lab.simulate.clock import DAY, HOUR, to_datetime
from loadtest.ledger import PunchKey
from ponto.drain.parser import parse
from tools.kit import event

_LOCAL = timezone(timedelta(hours=-3))
_PEAKS = (8 * HOUR, 12 * HOUR, 13 * HOUR, 18 * HOUR)
_HABIT_SECONDS, _SPREAD_SECONDS = 300, 240  # standard deviations between employees, and between one employee's days

_NO_ID_PROBABILITY = 0.3  # for each employee: an old terminal, which sends no ids
_OFFLINE_PROBABILITY = 0.012  # for each working day
_DAYS_LATE_PROBABILITY = 0.15  # for each offline day: the device is offline for days, not hours
_RESEND_PROBABILITY = 0.006  # for each punch: the answer was lost
_CONFLICT_PROBABILITY = 0.0005  # for each punch: a broken device uses its id again
_MALFORMED_PROBABILITY = 0.001  # for each punch: the device also sends a malformed body


class Submission(NamedTuple):
    """Request of a device."""

    accepted_at: float  # when the gateway accepts it, by the simulated clock
    body: str
    punch: PunchKey | None  # None: the body is malformed, and can never be a row
    description: str  # for the trace

    @property
    def id(self) -> str:
        """Id of the row that it should become; empty if the body is malformed."""
        return self.punch.id if self.punch else ""


def submissions_of_day(seed: int, day: int, employee_id: int) -> Iterator[Submission]:
    """Yield the requests with an employee's punches of one day; a device that was offline sends them later.

    Args:
        seed: seed of the run.
        day: from 0.
        employee_id: each employee has one day of the week off.
    """
    if (day + employee_id) % 7 == 0:
        return
    employee_rng = Random(f"employee {seed} {employee_id}")
    habit, without_id = employee_rng.gauss(0, _HABIT_SECONDS), employee_rng.random() < _NO_ID_PROBABILITY
    rng = Random(f"day {seed} {day} {employee_id}")
    sent_at: float | None = None
    if rng.random() < _OFFLINE_PROBABILITY:
        later = rng.uniform(1, 6) * DAY if rng.random() < _DAYS_LATE_PROBABILITY else rng.uniform(0, 4) * HOUR
        sent_at = day * DAY + 18 * HOUR + later
    for peak in _PEAKS:
        punched = round(day * DAY + peak + habit + rng.gauss(0, _SPREAD_SECONDS), 3)
        submission = _punch(rng, employee_id, punched, sent_at, without_id=without_id)
        yield submission
        if rng.random() < _RESEND_PROBABILITY:
            yield submission._replace(
                accepted_at=submission.accepted_at + rng.uniform(0.2, 30),
                description=f"{submission.description} again",
            )
        if not without_id and rng.random() < _CONFLICT_PROBABILITY:
            other = _punch(rng, employee_id, punched + 60, None, without_id=False, punch_id=submission.id)
            yield other._replace(description=f"{other.description} with the id of the one before")
        if rng.random() < _MALFORMED_PROBABILITY:
            yield Submission(punched + 1, "{", None, f"employee {employee_id} sends half a punch")


def _punch(
    rng: Random, employee_id: int, punched: float, sent_at: float | None, *, without_id: bool, punch_id: str = ""
) -> Submission:
    instant = to_datetime(punched)
    fields = event.body(employee_id, instant.astimezone(_LOCAL).isoformat())
    if not without_id:
        fields["id"] = punch_id or str(UUID(int=rng.getrandbits(128), version=4))
    accepted_at = punched + rng.uniform(0.1, 1.5)
    if sent_at is not None:
        accepted_at = max(accepted_at, sent_at + rng.uniform(0, 2))
        fields |= event.OPTIONAL_FIELDS
    suffix = ", sent late" if sent_at is not None else ""
    text = json.dumps(fields)
    punch = PunchKey(parse(text, UTC).id, employee_id, instant)
    return Submission(accepted_at, text, punch, f"employee {employee_id} punches{suffix}")
