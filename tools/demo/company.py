"""A made-up company: who works there, and every punch of theirs, in the order in which they reached the database.

Everything follows from the seed, with the numpy that requirements-dev.txt names: the employees from the seed alone, a
day from the seed and its date. A day is drawn at once, in arrays, and only the punches that arrive later than the
next day begins are kept meanwhile, so that memory does not grow with the months.
"""

import calendar
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ponto.documents import check_digits
from tools.load.employees import Employee

FIRST_NUMBER = 1_000_001
LONGEST_DELAY = timedelta(days=10)
"""After the end of the last day nothing arrives later than this."""

ROW = np.dtype(
    [
        # The columns of batida. Times are microseconds since the epoch.
        ("id", "u1", 16),
        ("usuario_id", "i8"),
        ("ponto", "i8"),
        ("deslocamento", "i2"),  # minutes; NONE: null
        ("dispositivo", "i4"),  # a terminal's number; PHONE: the employee's own; NONE: null
        ("offline", "i1"),  # NONE: null
        ("enviado", "i8"),  # NONE: null
        ("latitude", "f8"),  # NaN: null, and so in the next two
        ("longitude", "f8"),
        ("precisao", "f8"),
        ("sequencia", "i8"),  # NONE: null
        ("recebida_em", "i8"),
        ("gravada_em", "i8"),
        ("mensagem_id", "u1", 16),
        # What is counted when it is written, and the orders of numbers and of writing.
        ("punched", "i8"),  # by the right clock, ms
        ("lost", "i8"),  # punches that the device numbered before it, and lost
        ("ready", "i8"),  # when a batch could have it
        ("limit", "i8"),  # three days after the end of its working day
        ("ends", "?"),  # the last of its working day's punches to be sent
    ]
)
NONE = -1
PHONE = -2  # which is no old terminal either

Rows = NDArray[Any]  # of ROW
_Integers = NDArray[np.int64]
_Floats = NDArray[np.float64]

_SECOND = 1_000  # times below are in ms, but for what is written
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


class Kind(IntEnum):
    """How somebody works."""

    DAY = 0  # in, out to lunch, in, out
    BREAK = 1  # the same with a break in the afternoon
    PART = 2  # half a day
    NIGHT = 3  # from 22:00, with a break


_KINDS = (0.70, 0.16, 0.06, 0.08)
# Hours after the begin of the shift. The last of a row, and what is repeated to fill it, is the way out.
_PLAN = np.array([[0, 4, 5, 10, 10, 10], [0, 4, 5, 7, 7.25, 10], [0, 4, 4, 4, 4, 4], [0, 4, 5, 8, 8, 8]]) * _HOUR
_PUNCHES = np.array([4, 6, 2, 4])
_HABIT = 5 * _MINUTE  # standard deviation, between the employees
_SPREAD = np.array([4, 6, 3, 6, 2, 6]) * _MINUTE  # standard deviation; of a return, of the length of the pause
_STARTS = np.array([[7, 8, 8, 8, 8, 8, 9], [7, 8, 8, 8, 8, 8, 9], [8, 8, 8, 8, 13, 14, 14], [22] * 7]) * _HOUR
_WIDEST = 2.5  # standard deviations: nobody comes hours early

# Zone, share of the employees, latitude and longitude of a town in it
_ZONES = (
    ("America/Sao_Paulo", 0.80, -23.55, -46.63),
    ("America/Manaus", 0.06, -3.10, -60.02),
    ("America/Cuiaba", 0.05, -15.60, -56.10),
    ("America/Belem", 0.04, -1.45, -48.50),
    ("America/Rio_Branco", 0.03, -9.97, -67.81),
    ("America/Noronha", 0.02, -3.85, -32.42),
)
_HOLIDAYS = {(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)}  # month, day
_VACATION = 30  # days a year
_AT_A_TERMINAL = 25  # employees
_TERMINALS = 0.6  # share of employees who punch at one; the others have a phone
_OLD = 7  # every so many terminals, one tells neither its name, nor a number, nor an offset, nor when it sends
_PLACED = 0.7  # share of the phones that tell where they are

_ABSENT = 0.02  # share of the working days
_SATURDAYS = 0.25  # share of the employees who work on Saturday mornings
_OVERTIME, _MOST_OVERTIME = 0.025, 3 * _HOUR
_FORGOTTEN = 0.015  # of the working days: one punch
_LOST = 0.05  # of these, which the employee did not forget, but the device
_TAPPED_TWICE = 0.0015  # of the punches
_OFFLINE = 0.012  # of the working days: sent together, afterwards
_DAYS_LATER = 0.15  # of these, by days instead of hours
_WRONG_CLOCKS = 0.006  # of the devices, for a month
_TRIED_AGAIN = 0.005  # of what is sent at once

_PER_ROW = 500  # microseconds: the drain writes 2,000 rows/s when many wait

_FORENAMES = """
Ana Bruno Carla Caio Dalva Davi Elisa Enzo Fabiana Felipe Gisele Gustavo Helena Heitor Irene Igor Joana João Karina
Lara Luís Marina Mateus Nádia Nuno Olga Otávio Paula Pedro Rita Rui Sônia Saulo Tânia Tomás Úrsula Vera Vítor Yara
"""
# Of surnames that nobody has, how they begin and how they end.
_HEADS = "Bal Cor Dar Fel Gal Jun Lar Mon Nor Pal Quin Ras Sol Tor Val Zan"
_TAILS = "amundo abreque eldona estrino idalvo imares odelha olunto udrasco upires ínolo óvano"


class People(NamedTuple):
    """The employees, in arrays."""

    kind: _Integers
    start: _Integers  # ms after local midnight
    habit: _Integers  # ms that somebody is usually later, or earlier, than the plan
    zone: _Integers  # place in _ZONES
    saturdays: NDArray[np.bool_]
    vacation: _Integers  # the day of the year on which it begins
    terminal: _Integers  # or PHONE
    placed: NDArray[np.bool_]


class Company:
    """The company. `rows` may be called once."""

    def __init__(self, seed: int, employees: int) -> None:
        """Draws the employees.

        Args:
            seed: 0 or more; which company it is.
            employees: how many, at most 500,000: so far their CPFs are a range of their own, and the devices' names
                of one width.
        """
        self.counts: Counter[str] = Counter()  # of what `rows` has given so far
        self._seed = seed
        self._count = employees
        draw = np.random.default_rng([seed])
        kind = draw.choice(len(Kind), employees, p=_KINDS)
        number = np.arange(employees)
        self._people = People(
            kind=kind,
            start=_STARTS[kind, draw.integers(0, 7, employees)],
            habit=(_bell(draw, employees) * _HABIT).astype(np.int64),
            zone=draw.choice(len(_ZONES), employees, p=[share for _, share, _, _ in _ZONES]),
            saturdays=(draw.random(employees) < _SATURDAYS) & (kind != Kind.NIGHT),
            vacation=draw.integers(0, 365, employees),
            terminal=np.where(draw.random(employees) < _TERMINALS, number // _AT_A_TERMINAL, PHONE),
            placed=draw.random(employees) < _PLACED,
        )
        self._terminals = employees // _AT_A_TERMINAL + 1
        self._numbers = np.zeros(self._terminals + employees, np.int64)  # the last of each device; see `_devices`
        forename, head, tail = _FORENAMES.split(), _HEADS.split(), _TAILS.split()
        self._words = (forename, head, tail, head, tail)
        self._names = draw.integers(0, [len(words) for words in self._words], (employees, len(self._words)))

    @property
    def numbers(self) -> tuple[int, int]:
        """The first and the last employee's."""
        return FIRST_NUMBER, FIRST_NUMBER + self._count - 1

    def employees(self) -> list[Employee]:
        """The employees as the reports know them. Their CPFs are of a range that begins with 999."""
        found = []
        for place, chosen in enumerate(self._names.tolist()):
            forename, head, tail, other_head, other_tail = (
                words[number] for words, number in zip(self._words, chosen, strict=True)
            )
            nine = str(999_000_000 + place)
            found.append(
                Employee(
                    FIRST_NUMBER + place,
                    f"{forename} {head}{tail} {other_head}{other_tail}",
                    nine + check_digits(nine),
                    _ZONES[self._people.zone[place]][0],
                    "12:00" if self._people.kind[place] == Kind.NIGHT else None,
                )
            )
        return found

    def rows(self, first: date, last: date) -> Iterator[Rows]:
        """Give the punches of the shifts that begin from a day to a day, in the order in which they were written.

        Yields:
            What is written on each day (UTC), and in the end what arrives after the last.
        """
        self._numbers[:] = 0
        waiting = np.zeros(0, ROW)
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            waiting = np.concatenate([waiting, self._shifts(day)])
            # Nobody begins a shift earlier than the next day does in UTC, west of which they all are.
            end = _epoch(day + timedelta(days=1)) if day < last else _epoch(last + 2 * LONGEST_DELAY)
            self._number(waiting, end)
            here = waiting["ready"] < end * 1_000
            rows = waiting[here]
            waiting = waiting[~here]
            rows = rows[np.argsort(rows["ready"], kind="stable")]
            for near in (day, day + LONGEST_DELAY):
                begin, end = self.outage(near)
                ready = rows["ready"]
                rows["ready"] = np.where((ready >= begin) & (ready < end), end, ready)
            rows["gravada_em"] = _drained(rows["ready"])
            self._count_written(rows)
            yield rows

    def outage(self, month: date) -> tuple[int, int]:
        """Tell when the database is away in the month of a date, on a working day as people come.

        Returns:
            Begin and end, microseconds since the epoch.
        """
        draw = np.random.default_rng([self._seed, month.year, month.month, 2])
        days = [month.replace(day=number + 1) for number in range(calendar.monthrange(month.year, month.month)[1])]
        day = draw.choice([day.toordinal() for day in days if day.weekday() < 5 and not _is_holiday(day)])
        begin = _epoch(date.fromordinal(day)) + 10 * _HOUR + int(draw.integers(40, 70)) * _MINUTE  # 07:40 in São Paulo
        return begin * 1_000, (begin + int(draw.integers(10, 35)) * _MINUTE) * 1_000

    def _shifts(self, day: date) -> Rows:
        """Draw the punches of the shifts that begin on a day; all but when they are written."""
        draw = np.random.default_rng([self._seed, day.toordinal()])
        people = self._people
        who = np.flatnonzero(self._present(day, draw))
        kind = people.kind[who]
        shifts = len(who)

        local, is_there = _times(draw, people.start[who] + people.habit[who], kind, day.weekday() == 5)
        self.counts["workingDays"] += shifts
        self.counts["nightShifts"] += int((kind == Kind.NIGHT).sum())

        forgets = draw.random(shifts) < _FORGOTTEN
        forgotten = draw.integers(0, is_there.sum(axis=1))
        is_there[forgets, forgotten[forgets]] = False
        # Between each slot and the next, one for the second tap.
        taps = is_there & (draw.random(is_there.shape) < _TAPPED_TWICE)
        again = local + draw.integers(2 * _SECOND, 30 * _SECOND, local.shape)
        is_there = np.stack([is_there, taps], axis=2).reshape(shifts, 12)
        local = np.stack([local, again], axis=2).reshape(shifts, 12)
        self.counts["forgotten"] += int(forgets.sum())
        self.counts["doubleTaps"] += int(taps.sum())
        self.counts["oddDays"] += int((is_there.sum(axis=1) % 2).sum())

        shift, slot = np.nonzero(is_there)  # shift by shift, each in order of time
        place = who[shift]
        local = local[shift, slot]
        terminal = people.terminal[place]
        at_terminal = terminal != PHONE
        local = np.where(at_terminal, local // _SECOND * _SECOND, local)  # a terminal knows no fractions
        offset = _offsets(day.toordinal())[people.zone[place], local // _HOUR]
        punched = _epoch(day) + local - offset

        skew = self._skew(day.year, day.month)[self._devices(terminal, place)]
        is_old = terminal % _OLD == 3
        offline, sent = self._sent(draw, shift, punched, shifts)
        received = sent + draw.integers(20, 400, len(place))

        rows = np.zeros(len(place), ROW)
        _fill_ids(rows, draw, punched + skew)
        rows["usuario_id"] = FIRST_NUMBER + place
        rows["ponto"] = (punched + skew) * 1_000
        rows["deslocamento"] = np.where(is_old, NONE, offset // _MINUTE)
        rows["dispositivo"] = np.where(is_old, NONE, terminal)
        rows["sequencia"] = np.where(is_old, NONE, 0)  # not numbered yet
        rows["punched"] = punched
        rows["offline"] = np.where(is_old, NONE, offline)
        rows["enviado"] = np.where(is_old, NONE, (sent + skew) * 1_000)
        _fill_positions(rows, draw, people.zone[place], ~at_terminal & people.placed[place])
        rows["recebida_em"] = received * 1_000
        rows["ready"] = received * 1_000 + draw.gamma(2, 250_000, len(place)).astype(np.int64)
        rows["limit"] = self._limits(day)[place] * 1_000
        rows["ends"] = np.append(shift[1:] != shift[:-1], True)[: len(shift)]
        draw = np.random.default_rng([self._seed, day.toordinal(), 3])
        lost = np.flatnonzero(forgets & (draw.random(shifts) < _LOST))
        begins, ends = np.searchsorted(shift, lost), np.searchsorted(shift, lost, "right")
        rows["lost"][np.minimum(begins + forgotten[lost], ends - 1)] = 1
        return rows

    def _devices(self, terminal: _Integers, place: _Integers) -> _Integers:
        """Give each device's place among all: first the terminals, then each employee's phone."""
        return np.where(terminal == PHONE, self._terminals + place, terminal)

    def _number(self, rows: Rows, end: int) -> None:
        """Number the punches that were made before an instant (ms since the epoch), each device's in order of time."""
        due = np.flatnonzero((rows["sequencia"] == 0) & (rows["punched"] < end))
        device = self._devices(rows["dispositivo"][due], rows["usuario_id"][due] - FIRST_NUMBER)
        order = np.lexsort((rows["punched"][due], device))
        due, device = due[order], device[order]
        _, begins, lengths = np.unique(device, return_index=True, return_counts=True)
        steps = 1 + rows["lost"][due]
        reached = np.cumsum(steps)
        before = np.repeat(reached[begins] - steps[begins], lengths)  # of the devices before, in this order
        rows["sequencia"][due] = self._numbers[device] + reached - before
        np.add.at(self._numbers, device, steps)
        self.counts["lostByDevices"] += int(rows["lost"][due].sum())

    def _limits(self, day: date) -> _Integers:
        """Tell, for each employee, three days after the end of the working day, ms since the epoch."""
        cutoff = np.where(self._people.kind == Kind.NIGHT, 12, 4)  # hours
        then = day + timedelta(days=4)
        return _epoch(then) + cutoff * _HOUR - _offsets(then.toordinal())[self._people.zone, cutoff]

    def _present(self, day: date, draw: np.random.Generator) -> NDArray[np.bool_]:
        people = self._people
        works = draw.random(self._count) >= _ABSENT
        works &= (day.timetuple().tm_yday - 1 - people.vacation) % 365 >= _VACATION
        if day.weekday() == 6 or _is_holiday(day):
            works[:] = False
        elif day.weekday() == 5:
            works &= people.saturdays
        return works

    def _sent(
        self, draw: np.random.Generator, shift: _Integers, punched: _Integers, shifts: int
    ) -> tuple[NDArray[np.bool_], _Integers]:
        """Return whether each punch was made offline, and when it was sent, by the right clock."""
        waits = draw.random(shifts) < _OFFLINE
        hours = np.clip(np.exp(draw.normal(np.log(2 * _HOUR), 1, shifts)), 2 * _MINUTE, 20 * _HOUR)
        days = draw.uniform(1 * _DAY, 9 * _DAY, shifts)
        delay = np.where(draw.random(shifts) < _DAYS_LATER, days, hours).astype(np.int64)
        offline = waits[shift]
        begins = np.flatnonzero(np.append(True, shift[1:] != shift[:-1])[: len(shift)])
        lengths = np.diff(np.append(begins, len(shift)))
        turn = np.arange(len(shift)) - np.repeat(begins, lengths)  # in its shift
        end = np.repeat(punched[begins + lengths - 1], lengths)
        at_once = punched + draw.gamma(2, 400, len(shift)).astype(np.int64)
        at_once += ((draw.random(len(shift)) < _TRIED_AGAIN) * draw.exponential(20 * _SECOND, len(shift))).astype(int)
        self.counts["offlineBatches"] += int(offline[begins].sum())
        self.counts["punchedOffline"] += int(offline.sum())
        return offline, np.where(offline, end + delay[shift] + turn * 300, at_once)

    def _skew(self, year: int, month: int) -> _Integers:
        """Draw how fast each device's clock is in a month, ms, in the order of `_devices`."""
        draw = np.random.default_rng([self._seed, year, month, 1])
        devices = self._terminals + self._count
        amount = draw.integers(6 * _MINUTE, 90 * _MINUTE, devices) * draw.choice([-1, 1], devices)
        return np.where(draw.random(devices) < _WRONG_CLOCKS, amount, 0)

    def _count_written(self, rows: Rows) -> None:
        minutes = 60 * 1_000_000
        skew = np.where(rows["enviado"] == NONE, 0, rows["recebida_em"] - rows["enviado"])
        late = rows["recebida_em"] - rows["ponto"]
        self.counts.update(
            {
                "punches": len(rows),
                "receivedADayLate": int((late > 24 * 60 * minutes).sum()),
                "daysChangedAfterThree": int((rows["ends"] & (rows["gravada_em"] > rows["limit"])).sum()),
                "wrongClocks": int((np.abs(skew) > 5 * minutes).sum()),
                "inTheFuture": int((-late > 5 * minutes).sum()),
                "withoutOffset": int((rows["deslocamento"] == NONE).sum()),
                "withPosition": int((~np.isnan(rows["latitude"])).sum()),
                "waitedAMinute": int((rows["gravada_em"] - rows["recebida_em"] > minutes).sum()),
            }
        )


def _times(
    draw: np.random.Generator, start: _Integers, kind: _Integers, is_saturday: bool
) -> tuple[_Integers, NDArray[np.bool_]]:
    """Draw when each of a day's employees punches: ms after local midnight, and which of the six are punches."""
    if is_saturday:
        kind = np.full_like(kind, Kind.PART)
    count = _PUNCHES[kind]
    noise = _bell(draw, (len(kind), 6)) * _SPREAD
    noise[:, 2] += noise[:, 1]  # who goes to lunch late comes back late
    has_break = kind == Kind.BREAK
    noise[has_break, 4] += noise[has_break, 3]
    late = (draw.random(len(kind)) < _OVERTIME) & (kind != Kind.PART)
    noise[np.arange(len(kind)), count - 1] += late * np.minimum(draw.gamma(2, 30 * _MINUTE, len(kind)), _MOST_OVERTIME)
    local = start[:, None] + _PLAN[kind].astype(np.int64) + noise.astype(np.int64)
    return local, np.arange(6) < count[:, None]


def _fill_ids(rows: Rows, draw: np.random.Generator, milliseconds: _Integers) -> None:
    """Give punches the UUIDv7 of the device's clock, and messages a random UUID, as SQS does."""
    chance = draw.integers(0, 256, (len(rows), 26), dtype=np.uint8)
    ids = rows["id"]
    ids[:, :6] = milliseconds.astype(">i8").view(np.uint8).reshape(-1, 8)[:, 2:]
    ids[:, 6:] = chance[:, :10]
    rows["mensagem_id"] = chance[:, 10:]
    for uuids, version in ((ids, 0x70), (rows["mensagem_id"], 0x40)):
        uuids[:, 6] = uuids[:, 6] & 0x0F | version
        uuids[:, 8] = uuids[:, 8] & 0x3F | 0x80


def _fill_positions(rows: Rows, draw: np.random.Generator, zone: _Integers, told: NDArray[np.bool_]) -> None:
    # A street of its own for every remainder; the device is off by some metres.
    street = (rows["usuario_id"] % 97 - 48) / 1_000
    for column, town in (("latitude", 2), ("longitude", 3)):
        there = np.array([place[town] for place in _ZONES])[zone] + street
        rows[column] = np.where(told, np.round(there + draw.normal(0, 0.0001, len(rows)), 6), np.nan)
    rows["precisao"] = np.where(told, np.round(draw.uniform(4, 60, len(rows)), 1), np.nan)


def _drained(ready: _Integers) -> _Integers:
    """Tell when each row is written, one after the other, no sooner than it is ready. Microseconds."""
    turn = np.arange(len(ready)) * _PER_ROW
    return np.maximum.accumulate(ready - turn) + turn


@lru_cache(maxsize=16)
def _offsets(ordinal: int) -> _Integers:
    """Give each zone's offset from UTC, ms, at the local hours of a day and the next."""
    begin = datetime.combine(date.fromordinal(ordinal), time())
    hours = [begin + timedelta(hours=hour) for hour in range(48)]
    zones = [ZoneInfo(name) for name, *_ in _ZONES]
    return np.array(
        [[(zone.utcoffset(hour) or timedelta()) // timedelta(milliseconds=1) for hour in hours] for zone in zones]
    )


def _epoch(day: date) -> int:
    """Give the midnight of a day in UTC, ms since the epoch."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * _SECOND


def _is_holiday(day: date) -> bool:
    return (day.month, day.day) in _HOLIDAYS


def _bell(draw: np.random.Generator, shape: int | tuple[int, int]) -> _Floats:
    """Draw from the normal distribution, without its tails."""
    return np.clip(draw.normal(size=shape), -_WIDEST, _WIDEST)
