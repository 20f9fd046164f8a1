"""A made-up company: who works there, and every punch of theirs, in the order in which they reached the database.

Everything follows from the seed: the employees from the seed alone, a day from the seed and its date. A day is drawn at
once, and only the punches that arrive later than the next day begins are kept meanwhile, so that memory does not grow
with the months.
"""

import calendar
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from ponto.documents import check_digits
from slices.reports.demo import people
from slices.reports.demo.people import DAY, HOUR, MINUTE, SECOND, ZONES, Kind, Person
from slices.reports.load.employees import Employee

LONGEST_DELAY = timedelta(days=10)
"""After the end of the last day nothing arrives later than this."""


@dataclass(slots=True)
class Columns:
    """What the company has for the columns of batida."""

    id: str
    usuario_id: int
    ponto: int  # microseconds since the epoch, as the other instants
    deslocamento: int | None  # minutes
    dispositivo: str | None
    offline: bool | None
    enviado: int | None
    latitude: float | None
    longitude: float | None
    precisao: float | None
    sequencia: int | None  # 0: not numbered yet
    recebida_em: int
    gravada_em: int
    mensagem_id: str


@dataclass(slots=True)
class Row(Columns):
    """A punch: its columns, and what it is numbered, sorted and counted by."""

    device: int  # its place among all; see `_device`
    punched: int  # by the right clock, ms
    lost: int  # punches that the device numbered before it, and lost
    ready: int  # when a batch could have it, microseconds
    limit: int  # three days after the end of its working day, microseconds
    ends: bool  # the last of its working day's punches to be sent


_OLD = 7  # every so many terminals, one tells neither its name, nor a number, nor an offset, nor when it sends

_FORGOTTEN = 0.015  # of the working days: one punch
_LOST = 0.05  # of these, which the employee did not forget, but the device
_TAPPED_TWICE = 0.0015  # of the punches
_OFFLINE = 0.012  # of the working days: sent together, afterwards
_DAYS_LATER = 0.15  # of these, by days instead of hours
_WRONG_CLOCKS = 0.006  # of the devices, for a month
_TRIED_AGAIN = 0.005  # of what is sent at once

_PER_ROW = 500  # microseconds: the drain writes 2,000 rows/s when many wait


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
        self._terminals = employees // people.EMPLOYEES_PER_TERMINAL + 1
        self._sequences = [0] * (self._terminals + employees)  # the last number of each device
        draw = self._draw("people")
        self._people = [people.draw_person(draw, index) for index in range(employees)]

    @property
    def numbers(self) -> tuple[int, int]:
        """The first and the last employee's."""
        return people.FIRST_NUMBER, people.FIRST_NUMBER + len(self._people) - 1

    def employees(self) -> list[Employee]:
        """The employees as the reports know them. Their CPFs are of a range that begins with 999."""
        found = []
        for index, person in enumerate(self._people):
            nine = str(999_000_000 + index)
            cutoff = "12:00" if person.kind is Kind.NIGHT else None
            cpf = nine + check_digits(nine)
            found.append(Employee(person.number, person.name, cpf, ZONES[person.zone].name, cutoff))
        return found

    def rows(self, first: date, last: date) -> Iterator[list[Row]]:
        """Give the punches of the shifts that begin from a day to a day, in the order in which they were written.

        Yields:
            What is written on each day (UTC), and in the end what arrives after the last.
        """
        waiting: list[Row] = []
        written = 0
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            waiting += self._shifts(day)
            # All zones lie west of UTC, so no shift of the next day begins before that day does in UTC.
            end = _epoch(day + timedelta(days=1)) if day < last else _epoch(last + 2 * LONGEST_DELAY)
            self._number(waiting, end)
            rows = sorted((row for row in waiting if row.ready < end * 1_000), key=lambda row: row.ready)
            waiting = [row for row in waiting if row.ready >= end * 1_000]
            outages = [self.outage(near) for near in {day.replace(day=1), (day + LONGEST_DELAY).replace(day=1)}]
            for row in rows:
                for begin, back in outages:
                    if begin <= row.ready < back:
                        row.ready = back
                row.gravada_em = written = max(row.ready, written + _PER_ROW)
            self._count_written(rows)
            yield rows

    @lru_cache(maxsize=4)  # noqa: B019  a company lives as long as the command
    def outage(self, month: date) -> tuple[int, int]:
        """Return when the database is away in the month of a date, on a working day as people come.

        Returns:
            Begin and end, microseconds since the epoch.
        """
        draw = self._draw("outage", month.year, month.month)
        days = [month.replace(day=number + 1) for number in range(calendar.monthrange(month.year, month.month)[1])]
        day = draw.choice([day for day in days if day.weekday() < 5 and not people.is_holiday(day)])
        begin = _epoch(day) + 10 * HOUR + draw.randrange(40, 70) * MINUTE  # 07:40 in São Paulo
        return begin * 1_000, (begin + draw.randrange(10, 35) * MINUTE) * 1_000

    def _draw(self, *what: object) -> Random:
        return Random(f"{self._seed} {what}")  # noqa: S311  made up

    def _shifts(self, day: date) -> Iterator[Row]:
        """Draw the punches of the shifts that begin on a day; all but when they are written."""
        draw = self._draw("day", day.toordinal())
        skews = self._skews(day.year, day.month)
        limits = {kind: _limits(day.toordinal(), 12 if kind is Kind.NIGHT else 4) for kind in Kind}
        for index, person in enumerate(self._people):
            if not people.works(draw, person, day):
                continue
            device = person.terminal if person.terminal is not None else self._terminals + index
            kind = Kind.PART if day.weekday() == 5 else person.kind
            yield from self._shift(
                draw,
                person,
                _epoch(day),
                people.draw_times(draw, person, kind),
                device,
                skews[device],
                limits[person.kind][person.zone],
            )

    def _shift(
        self, draw: Random, person: Person, midnight: int, times: list[int], device: int, skew: int, limit: int
    ) -> list[Row]:
        """Draw the punches of a shift.

        Args:
            draw: the day's.
            person: whose.
            midnight: of the day in UTC, ms since the epoch.
            times: ms after local midnight.
            device: its place among all.
            skew: how fast its clock is, ms.
            limit: after which a change of the working day is late, microseconds since the epoch.
        """
        chance = draw.random
        self.counts["workingDays"] += 1
        self.counts["nightShifts"] += person.kind is Kind.NIGHT
        lost = None
        if chance() < _FORGOTTEN:
            self.counts["forgotten"] += 1
            lost = draw.randrange(len(times))
            del times[lost]
            if chance() >= _LOST:
                lost = None
        for at in tuple(times):
            if chance() < _TAPPED_TWICE:
                self.counts["doubleTaps"] += 1
                times.append(at + draw.randrange(2 * SECOND, 30 * SECOND))
        times.sort()
        self.counts["oddDays"] += len(times) % 2
        if person.terminal is not None:
            times = [at // SECOND * SECOND for at in times]  # a terminal knows no fractions
        offsets = _offsets(midnight)[person.zone]
        at_right_clock = [midnight + at - offsets[at // HOUR] for at in times]
        sent_together = None
        if chance() < _OFFLINE:
            self.counts["offlineBatches"] += 1
            self.counts["punchedOffline"] += len(times)
            sent_together = at_right_clock[-1] + _delay(draw)
        is_old = person.terminal is not None and person.terminal % _OLD == 3
        name = f"celular-{person.number}" if person.terminal is None else f"terminal-{person.terminal:06}"
        rows = []
        for turn, (at, punched) in enumerate(zip(times, at_right_clock, strict=True)):
            if sent_together is None:
                sent = punched + int(draw.gammavariate(2, 400))
                if chance() < _TRIED_AGAIN:
                    sent += int(draw.expovariate(1 / (20 * SECOND)))
            else:
                sent = sent_together + turn * 300
            received = (sent + draw.randrange(20, 400)) * 1_000
            latitude = longitude = precision = None
            if person.placed:
                # A street of its own for every remainder; the device is off by some metres.
                street = (person.number % 97 - 48) / 1_000
                town = ZONES[person.zone]
                latitude = round(town.latitude + street + draw.gauss(0, 0.0001), 6)
                longitude = round(town.longitude + street + draw.gauss(0, 0.0001), 6)
                precision = round(draw.uniform(4, 60), 1)
            rows.append(
                Row(
                    id=_uuid(draw, f"{punched + skew:012x}7"),
                    usuario_id=person.number,
                    ponto=(punched + skew) * 1_000,
                    deslocamento=None if is_old else offsets[at // HOUR] // MINUTE,
                    dispositivo=None if is_old else name,
                    offline=None if is_old else sent_together is not None,
                    enviado=None if is_old else (sent + skew) * 1_000,
                    latitude=latitude,
                    longitude=longitude,
                    precisao=precision,
                    sequencia=None if is_old else 0,
                    recebida_em=received,
                    gravada_em=0,
                    mensagem_id=_uuid(draw, f"{draw.getrandbits(48):012x}4"),
                    device=device,
                    punched=punched,
                    lost=0,
                    ready=received + int(draw.gammavariate(2, 250_000)),
                    limit=limit,
                    ends=False,
                )
            )
        rows[-1].ends = True
        if lost is not None:
            rows[min(lost, len(rows) - 1)].lost = 1
        return rows

    def _number(self, rows: list[Row], end: int) -> None:
        """Number the punches that were made before an instant (ms since the epoch), each device's in order of time."""
        due = [row for row in rows if row.sequencia == 0 and row.punched < end]
        for row in sorted(due, key=lambda row: row.punched):
            self._sequences[row.device] += 1 + row.lost
            row.sequencia = self._sequences[row.device]
            self.counts["lostByDevices"] += row.lost

    @lru_cache(maxsize=2)  # noqa: B019  a company lives as long as the command
    def _skews(self, year: int, month: int) -> list[int]:
        """Draw how fast each device's clock is in a month, ms: the terminals' first, then each employee's phone's."""
        draw = self._draw("clocks", year, month)
        return [
            draw.choice((-1, 1)) * draw.randrange(6 * MINUTE, 90 * MINUTE) if draw.random() < _WRONG_CLOCKS else 0
            for _ in self._sequences
        ]

    def _count_written(self, rows: list[Row]) -> None:
        minute = 60 * 1_000_000
        counts = self.counts
        counts["punches"] += len(rows)
        for row in rows:
            late = row.recebida_em - row.ponto
            counts["receivedADayLate"] += late > 24 * 60 * minute
            counts["inTheFuture"] += -late > 5 * minute
            counts["daysChangedAfterThree"] += row.ends and row.gravada_em > row.limit
            counts["wrongClocks"] += row.enviado is not None and abs(row.recebida_em - row.enviado) > 5 * minute
            counts["withoutOffset"] += row.deslocamento is None
            counts["withPosition"] += row.latitude is not None
            counts["waitedAMinute"] += row.gravada_em - row.recebida_em > minute


def _delay(draw: Random) -> int:
    """Draw after how long a day's punches that were made offline are sent, ms."""
    if draw.random() < _DAYS_LATER:
        return int(draw.uniform(1 * DAY, 9 * DAY))
    return int(min(max(draw.lognormvariate(math.log(2 * HOUR), 1), 2 * MINUTE), 20 * HOUR))


def _uuid(draw: Random, begin: str) -> str:
    """Write a UUID that begins with these 13 digits, the last of which is its version."""
    more = f"{draw.getrandbits(74):019x}"
    variant = "89ab"[int(more[0])]
    return f"{begin[:8]}-{begin[8:12]}-{begin[12]}{more[1:4]}-{variant}{more[4:7]}-{more[7:]}"


@lru_cache(maxsize=16)
def _limits(ordinal: int, cutoff: int) -> list[int]:
    """Return, for each zone, three days after the end of a day's working day, microseconds since the epoch.

    The cut-off is a local hour.
    """
    then = _epoch(date.fromordinal(ordinal + 4))
    return [(then + cutoff * HOUR - offsets[cutoff]) * 1_000 for offsets in _offsets(then)]


@lru_cache(maxsize=16)
def _offsets(midnight: int) -> list[list[int]]:
    """Give each zone's offset from UTC, ms, at the local hours of the day of a midnight in UTC, and of the next."""
    begin = datetime.fromtimestamp(midnight / SECOND, UTC).replace(tzinfo=None)
    hours = [begin + timedelta(hours=hour) for hour in range(48)]
    zones = [ZoneInfo(zone.name) for zone in ZONES]
    return [[(zone.utcoffset(hour) or timedelta()) // timedelta(milliseconds=1) for hour in hours] for zone in zones]


@lru_cache(maxsize=16)
def _epoch(day: date) -> int:
    """Give the midnight of a day in UTC, ms since the epoch."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * SECOND
