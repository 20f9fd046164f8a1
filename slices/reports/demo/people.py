"""Employees of the made-up company: who they are, on which days they work, and when they punch."""

from datetime import date
from enum import IntEnum
from random import Random
from typing import NamedTuple

FIRST_EMPLOYEE_ID = 1_000_001

# All times are in ms.
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class WorkPattern(IntEnum):
    """Working hours of an employee."""

    DAY = 0  # with a lunch break
    BREAK = 1  # with a lunch break and another in the afternoon
    PART = 2  # half a day
    NIGHT = 3  # from 22:00, with a break


# Each of these tuples is indexed by WorkPattern.
_PATTERN_SHARES = (0.70, 0.16, 0.06, 0.08)
_PUNCH_HOURS = ((0, 4, 5, 10), (0, 4, 5, 7, 7.25, 10), (0, 4), (0, 4, 5, 8))  # after the start of the shift
_START_HOURS = ((7, 8, 8, 8, 8, 8, 9), (7, 8, 8, 8, 8, 8, 9), (8, 8, 8, 8, 13, 14, 14), (22,))  # local

_HABIT_DEVIATION_MS = 5 * MINUTE  # standard deviation of the usual start, between employees
# Standard deviation of each punch of a shift; for a return from a break, that of the length of the break.
_PUNCH_DEVIATIONS_MS = (
    4 * MINUTE,
    6 * MINUTE,
    3 * MINUTE,
    6 * MINUTE,
    2 * MINUTE,
    6 * MINUTE,
)
_MAX_DEVIATIONS = 2.5  # standard deviations, so that no employee comes hours early


class Zone(NamedTuple):
    """A time zone in which employees work."""

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
_VACATION_DAYS = 30  # a year
EMPLOYEES_PER_TERMINAL = 25
_TERMINAL_SHARE = 0.6  # of the employees: punch at a terminal; the others use their phones
_POSITION_SHARE = 0.7  # of the phones: send their position

_ABSENCE_RATE = 0.02  # of the working days
_SATURDAY_SHARE = 0.25  # of the employees: work on Saturday mornings
_OVERTIME_RATE, _MAX_OVERTIME_MS = 0.025, 3 * HOUR

_FORENAME_WORDS = """
Ana Bruno Carla Caio Dalva Davi Elisa Enzo Fabiana Felipe Gisele Gustavo Helena Heitor Irene Igor Joana João Karina
Lara Luís Marina Mateus Nádia Nuno Olga Otávio Paula Pedro Rita Rui Sônia Saulo Tânia Tomás Úrsula Vera Vítor Yara
"""
# Parts of surnames that do not exist.
_SURNAME_START_WORDS = "Bal Cor Dar Fel Gal Jun Lar Mon Nor Pal Quin Ras Sol Tor Val Zan"
_SURNAME_END_WORDS = "amundo abreque eldona estrino idalvo imares odelha olunto udrasco upires ínolo óvano"
_FORENAMES, _SURNAME_STARTS, _SURNAME_ENDS = map(str.split, (_FORENAME_WORDS, _SURNAME_START_WORDS, _SURNAME_END_WORDS))


class Person(NamedTuple):
    """An employee."""

    employee_id: int
    name: str
    pattern: WorkPattern
    start: int  # usual start of the shift, ms after local midnight
    zone: int  # index in ZONES
    works_saturdays: bool
    vacation_start_day: int  # day of the year, from 0
    terminal: int | None  # None: the employee's own phone
    sends_position: bool


def draw_person(draw: Random, index: int) -> Person:
    """Draw an employee; `index` counts the employees from 0."""
    surnames = (draw.choice(_SURNAME_STARTS) + draw.choice(_SURNAME_ENDS) for _ in range(2))
    pattern = draw.choices(list(WorkPattern), _PATTERN_SHARES)[0]
    is_at_terminal = draw.random() < _TERMINAL_SHARE
    return Person(
        employee_id=FIRST_EMPLOYEE_ID + index,
        name=" ".join((draw.choice(_FORENAMES), *surnames)),
        pattern=pattern,
        start=draw.choice(_START_HOURS[pattern]) * HOUR + int(_draw_normal(draw) * _HABIT_DEVIATION_MS),
        zone=draw.choices(range(len(ZONES)), [zone.share for zone in ZONES])[0],
        works_saturdays=draw.random() < _SATURDAY_SHARE and pattern is not WorkPattern.NIGHT,
        vacation_start_day=draw.randrange(365),
        terminal=index // EMPLOYEES_PER_TERMINAL if is_at_terminal else None,
        sends_position=draw.random() < _POSITION_SHARE and not is_at_terminal,
    )


def starts_shift(draw: Random, person: Person, day: date) -> bool:
    """Return whether an employee begins a shift on a day."""
    is_absent = draw.random() < _ABSENCE_RATE
    if is_absent or (day.timetuple().tm_yday - 1 - person.vacation_start_day) % 365 < _VACATION_DAYS:
        return False
    if day.weekday() == 6 or is_holiday(day):
        return False
    return person.works_saturdays if day.weekday() == 5 else True


def draw_times(draw: Random, person: Person, pattern: WorkPattern) -> list[int]:
    """Draw the times of the punches of a shift, ms after local midnight."""
    hours_after_start = _PUNCH_HOURS[pattern]
    noise = [_draw_normal(draw) * spread for spread in _PUNCH_DEVIATIONS_MS[: len(hours_after_start)]]
    for out in range(1, len(hours_after_start) - 1, 2):  # a break that begins late also ends late
        noise[out + 1] += noise[out]
    if pattern is not WorkPattern.PART and draw.random() < _OVERTIME_RATE:
        noise[-1] += min(draw.gammavariate(2, 30 * MINUTE), _MAX_OVERTIME_MS)
    return [person.start + int(hours * HOUR + late) for hours, late in zip(hours_after_start, noise, strict=True)]


def is_holiday(day: date) -> bool:
    """Return whether a day is a national holiday."""
    return (day.month, day.day) in _HOLIDAYS


def _draw_normal(draw: Random) -> float:
    """Draw from the standard normal distribution, limited to `_MAX_DEVIATIONS`."""
    return min(max(draw.gauss(0, 1), -_MAX_DEVIATIONS), _MAX_DEVIATIONS)
