"""People of a made-up company: who they are, on which days they work, and when they punch."""

from datetime import date
from enum import IntEnum
from random import Random
from typing import NamedTuple

FIRST_NUMBER = 1_000_001

# All times are in ms.
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Kind(IntEnum):
    """How somebody works."""

    DAY = 0  # in, out to lunch, in, out
    BREAK = 1  # the same with a break in the afternoon
    PART = 2  # half a day
    NIGHT = 3  # from 22:00, with a break


_KINDS = (0.70, 0.16, 0.06, 0.08)
# Hours after the begin of the shift.
_PLAN = ((0, 4, 5, 10), (0, 4, 5, 7, 7.25, 10), (0, 4), (0, 4, 5, 8))
_HABIT = 5 * MINUTE  # standard deviation, between the employees
_SPREAD = (
    4 * MINUTE,
    6 * MINUTE,
    3 * MINUTE,
    6 * MINUTE,
    2 * MINUTE,
    6 * MINUTE,
)  # standard deviation; of a return, of the length of the pause
_STARTS = ((7, 8, 8, 8, 8, 8, 9), (7, 8, 8, 8, 8, 8, 9), (8, 8, 8, 8, 13, 14, 14), (22,))  # hours
_MAX_DEVIATIONS = 2.5  # standard deviations: nobody comes hours early


class Zone(NamedTuple):
    """A time zone."""

    name: str
    share: float  # of the employees
    latitude: float  # of a town in it
    longitude: float


ZONES = (
    Zone("America/Sao_Paulo", 0.80, -23.55, -46.63),
    Zone("America/Manaus", 0.06, -3.10, -60.02),
    Zone("America/Cuiaba", 0.05, -15.60, -56.10),
    Zone("America/Belem", 0.04, -1.45, -48.50),
    Zone("America/Rio_Branco", 0.03, -9.97, -67.81),
    Zone("America/Noronha", 0.02, -3.85, -32.42),
)
_HOLIDAYS = {(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)}  # month, day
_VACATION = 30  # days a year
EMPLOYEES_PER_TERMINAL = 25
_TERMINALS = 0.6  # share of employees who punch at one; the others have a phone
_PLACED = 0.7  # share of the phones that tell where they are

_ABSENT = 0.02  # share of the working days
_SATURDAYS = 0.25  # share of the employees who work on Saturday mornings
_OVERTIME, _MAX_OVERTIME = 0.025, 3 * HOUR

_FORENAME_WORDS = """
Ana Bruno Carla Caio Dalva Davi Elisa Enzo Fabiana Felipe Gisele Gustavo Helena Heitor Irene Igor Joana João Karina
Lara Luís Marina Mateus Nádia Nuno Olga Otávio Paula Pedro Rita Rui Sônia Saulo Tânia Tomás Úrsula Vera Vítor Yara
"""
# Of surnames that nobody has, how they begin and how they end.
_HEAD_WORDS = "Bal Cor Dar Fel Gal Jun Lar Mon Nor Pal Quin Ras Sol Tor Val Zan"
_TAIL_WORDS = "amundo abreque eldona estrino idalvo imares odelha olunto udrasco upires ínolo óvano"
_FORENAMES, _HEADS, _TAILS = map(str.split, (_FORENAME_WORDS, _HEAD_WORDS, _TAIL_WORDS))


class Person(NamedTuple):
    """An employee."""

    number: int
    name: str
    kind: Kind
    start: int  # ms after local midnight at which somebody usually begins
    zone: int  # index in ZONES
    saturdays: bool
    vacation: int  # the day of the year on which it begins
    terminal: int | None  # None: the employee's own phone
    placed: bool


def draw_person(draw: Random, index: int) -> Person:
    """Draw an employee; `index` is the place among all, from 0."""
    surnames = (draw.choice(_HEADS) + draw.choice(_TAILS) for _ in range(2))
    kind = draw.choices(list(Kind), _KINDS)[0]
    is_at_terminal = draw.random() < _TERMINALS
    return Person(
        number=FIRST_NUMBER + index,
        name=" ".join((draw.choice(_FORENAMES), *surnames)),
        kind=kind,
        start=draw.choice(_STARTS[kind]) * HOUR + int(_draw_normal(draw) * _HABIT),
        zone=draw.choices(range(len(ZONES)), [zone.share for zone in ZONES])[0],
        saturdays=draw.random() < _SATURDAYS and kind is not Kind.NIGHT,
        vacation=draw.randrange(365),
        terminal=index // EMPLOYEES_PER_TERMINAL if is_at_terminal else None,
        placed=draw.random() < _PLACED and not is_at_terminal,
    )


def works(draw: Random, person: Person, day: date) -> bool:
    """Return whether an employee begins a shift on a day."""
    is_absent = draw.random() < _ABSENT
    if is_absent or (day.timetuple().tm_yday - 1 - person.vacation) % 365 < _VACATION:
        return False
    if day.weekday() == 6 or is_holiday(day):
        return False
    return person.saturdays if day.weekday() == 5 else True


def draw_times(draw: Random, person: Person, kind: Kind) -> list[int]:
    """Draw when an employee punches on a day, ms after local midnight."""
    plan = _PLAN[kind]
    noise = [_draw_normal(draw) * spread for spread in _SPREAD[: len(plan)]]
    for out in range(1, len(plan) - 1, 2):  # who goes to lunch late comes back late
        noise[out + 1] += noise[out]
    if kind is not Kind.PART and draw.random() < _OVERTIME:
        noise[-1] += min(draw.gammavariate(2, 30 * MINUTE), _MAX_OVERTIME)
    return [person.start + int(hours * HOUR + late) for hours, late in zip(plan, noise, strict=True)]


def is_holiday(day: date) -> bool:
    """Return whether a day is a national holiday."""
    return (day.month, day.day) in _HOLIDAYS


def _draw_normal(draw: Random) -> float:
    """Draw from the normal distribution, without its tails."""
    return min(max(draw.gauss(0, 1), -_MAX_DEVIATIONS), _MAX_DEVIATIONS)
