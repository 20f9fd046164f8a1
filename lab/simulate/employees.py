"""Who punches when: a working day of each employee, drawn from the seed, the day and the employee alone."""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from random import Random
from typing import NamedTuple
from uuid import UUID

from lab.simulate.clock import DAY, HOUR, instant
from loadtest.ledger import PunchKey
from ponto.parser import parse
from tools.kit import event

_LOCAL = timezone(timedelta(hours=-3))
_PEAKS = (8 * HOUR, 12 * HOUR, 13 * HOUR, 18 * HOUR)
_HABIT, _SPREAD = 300, 240  # s, standard deviations: between employees, and between days of one

# How likely.
_WITHOUT_ID = 0.3  # of the employees: they punch at an old terminal
_OFFLINE, _DAYS_LATER = 0.012, 0.15  # of the working days; of these
_SENT_TWICE = 0.006  # of the punches: the answer got lost
_CONFLICT = 0.0005  # of the punches: a broken device gives its id again
_MALFORMED = 0.001  # of the punches: it sends besides what is no punch


class Sending(NamedTuple):
    """What a device posts, and when the gateway accepts it."""

    at: float  # clock
    body: str
    punch: PunchKey | None  # None: it can never be a row
    what: str  # for people

    @property
    def id(self) -> str:
        """Of the row that it should become; empty where it can be none."""
        return self.punch.id if self.punch else ""


def of_day(seed: int, day: int, employee: int) -> Iterator[Sending]:
    """Give what an employee's device sends of a day, also if it is sent later.

    Args:
        seed: of everything.
        day: from 0.
        employee: the number; each has one day of the week off.
    """
    if (day + employee) % 7 == 0:
        return
    own = Random(f"employee {seed} {employee}")
    habit, without_id = own.gauss(0, _HABIT), own.random() < _WITHOUT_ID
    chance = Random(f"day {seed} {day} {employee}")
    sent_at: float | None = None
    if chance.random() < _OFFLINE:
        later = chance.uniform(1, 6) * DAY if chance.random() < _DAYS_LATER else chance.uniform(0, 4) * HOUR
        sent_at = day * DAY + 18 * HOUR + later
    for peak in _PEAKS:
        punched = round(day * DAY + peak + habit + chance.gauss(0, _SPREAD), 3)
        sending = _punch(chance, employee, punched, sent_at, without_id=without_id)
        yield sending
        if chance.random() < _SENT_TWICE:
            yield sending._replace(at=sending.at + chance.uniform(0.2, 30), what=f"{sending.what} again")
        if not without_id and chance.random() < _CONFLICT:
            other = _punch(chance, employee, punched + 60, None, without_id=False, punch_id=sending.id)
            yield other._replace(what=f"{other.what} with the id of the one before")
        if chance.random() < _MALFORMED:
            yield Sending(punched + 1, "{", None, f"employee {employee} sends half a punch")


def _punch(
    chance: Random, employee: int, punched: float, sent_at: float | None, *, without_id: bool, punch_id: str = ""
) -> Sending:
    when = instant(punched)
    fields = event.body(employee, when.astimezone(_LOCAL).isoformat())
    if not without_id:
        fields["id"] = punch_id or str(UUID(int=chance.getrandbits(128), version=4))
    at = punched + chance.uniform(0.1, 1.5)
    if sent_at is not None:
        at = max(at, sent_at + chance.uniform(0, 2))
        fields |= event.MORE
    how = ", sent late" if sent_at is not None else ""
    text = json.dumps(fields)
    return Sending(at, text, PunchKey(parse(text, UTC).id, employee, when), f"employee {employee} punches{how}")
