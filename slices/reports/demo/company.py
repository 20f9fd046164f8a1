"""The company of `ponto demo`: its employees and their punches, in the order in which the database received them.

The seed determines the employees; the seed and a date determine the punches of that day. Punches are generated day by
day. Only those that arrive after the next day has begun are held in memory, so memory does not grow with the months.
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

from ponto.employee_numbers import cpf_check_digits
from slices.reports.demo import people
from slices.reports.demo.people import DAY, HOUR, MINUTE, SECOND, ZONES, Person, WorkPattern
from slices.reports.load.employees import Employee

MAX_DELAY = timedelta(days=10)
"""Maximum time from the end of the last day to the arrival of its last punch."""


@dataclass(slots=True)
class BatidaColumns:
    """Values of the columns of `batida` that the demo fills, under the columns' names."""

    id: str
    usuario_id: int
    ponto: int  # microseconds since the epoch, like all instants here
    deslocamento: int | None  # minutes
    dispositivo: str | None
    offline: bool | None
    enviado: int | None
    latitude: float | None
    longitude: float | None
    precisao: float | None
    sequencia: int | None  # 0 until `Company._number` numbers it
    recebida_em: int
    gravada_em: int
    mensagem_id: str


@dataclass(slots=True)
class DemoPunch(BatidaColumns):
    """A punch: its columns, and the values by which it is numbered, sorted and counted."""

    device: int  # index of the device: the terminals first, then the employees' phones
    true_time: int  # time of the punch by a correct clock, ms since the epoch
    lost_before: int  # number of punches that the device numbered just before this punch and then lost
    ready_at: int  # earliest instant at which the drain could receive it, microseconds since the epoch
    late_after: int  # three days after the end of its working day, microseconds since the epoch
    is_last_of_day: bool  # it is the last punch of its working day to be sent


# One in seven terminals is old: it sends no name, number, UTC offset or sending time.
_OLD_TERMINAL_INTERVAL = 7

_FORGOTTEN_RATE = 0.015  # of the working days: one punch is missing
_LOST_BY_DEVICE_RATE = 0.05  # of the missing punches: the device lost it
_DOUBLE_TAP_RATE = 0.0015  # of the punches
_OFFLINE_DAY_RATE = 0.012  # of the working days: all punches are sent together, afterwards
_LONG_DELAY_RATE = 0.15  # of the offline days: sent days later instead of hours
_WRONG_CLOCK_RATE = 0.006  # of the devices, for a month
_RETRY_RATE = 0.005  # of the punches that are sent immediately

_WRITE_MICROSECONDS = 500  # per row: the drain writes 2,000 rows/s from a full queue


class Company:
    """A made-up company. Call `rows` only once: it advances the devices' numbers."""

    def __init__(self, seed: int, employees: int) -> None:
        """Draw the employees.

        Args:
            seed: at least 0; another seed makes another company.
            employees: number of employees, at most 500,000, for which there are CPFs and device names.
        """
        self.counts: Counter[str] = Counter()  # of the punches that `rows` has yielded so far
        self._seed = seed
        self._terminals = employees // people.EMPLOYEES_PER_TERMINAL + 1
        self._sequences = [0] * (self._terminals + employees)  # the last number of each device
        draw = self._create_generator("people")
        self._people = [people.draw_person(draw, index) for index in range(employees)]

    @property
    def employee_ids(self) -> tuple[int, int]:
        """The first and the last employee number."""
        return people.FIRST_EMPLOYEE_ID, people.FIRST_EMPLOYEE_ID + len(self._people) - 1

    def employees(self) -> list[Employee]:
        """Return the employees as rows of `funcionario`. Their CPFs begin with 999."""
        employees = []
        for index, person in enumerate(self._people):
            nine = str(999_000_000 + index)
            cutoff = "12:00" if person.pattern is WorkPattern.NIGHT else None
            cpf = nine + cpf_check_digits(nine)
            employees.append(Employee(person.employee_id, person.name, cpf, ZONES[person.zone].name, cutoff))
        return employees

    def rows(self, first: date, last: date) -> Iterator[list[DemoPunch]]:
        """Yield the punches of the shifts that begin on the days from `first` to `last`, in the order of writing.

        Yields:
            The punches written on each day (UTC); with the last day, also those that arrive after it.
        """
        waiting: list[DemoPunch] = []
        last_written = 0
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            waiting += self._shifts(day)
            # All zones lie west of UTC, so no shift of the next day begins before that day does in UTC.
            day_end = _epoch(day + timedelta(days=1)) if day < last else _epoch(last + 2 * MAX_DELAY)
            self._number(waiting, day_end)
            rows = sorted((row for row in waiting if row.ready_at < day_end * 1_000), key=lambda row: row.ready_at)
            waiting = [row for row in waiting if row.ready_at >= day_end * 1_000]
            outages = [self.outage(month) for month in {day.replace(day=1), (day + MAX_DELAY).replace(day=1)}]
            for row in rows:
                for start, end in outages:
                    if start <= row.ready_at < end:
                        row.ready_at = end
                row.gravada_em = last_written = max(row.ready_at, last_written + _WRITE_MICROSECONDS)
            self._count_written(rows)
            yield rows

    @lru_cache(maxsize=4)  # noqa: B019  the company exists as long as the process
    def outage(self, month: date) -> tuple[int, int]:
        """Return when the database is unavailable in the month of a date: on the morning of a working day.

        Returns:
            Start and end, microseconds since the epoch.
        """
        draw = self._create_generator("outage", month.year, month.month)
        days = [month.replace(day=number + 1) for number in range(calendar.monthrange(month.year, month.month)[1])]
        day = draw.choice([day for day in days if day.weekday() < 5 and not people.is_holiday(day)])
        start = _epoch(day) + 10 * HOUR + draw.randrange(40, 70) * MINUTE  # from 07:40 in São Paulo
        return start * 1_000, (start + draw.randrange(10, 35) * MINUTE) * 1_000

    def _create_generator(self, *subject: object) -> Random:
        return Random(f"{self._seed} {subject}")  # noqa: S311  not for cryptography

    def _shifts(self, day: date) -> Iterator[DemoPunch]:
        """Draw the punches of the shifts that begin on a day; `rows` fills in when each is written."""
        draw = self._create_generator("day", day.toordinal())
        skews = self._skews(day.year, day.month)
        limits = {
            pattern: _limits(day.toordinal(), 12 if pattern is WorkPattern.NIGHT else 4) for pattern in WorkPattern
        }
        for index, person in enumerate(self._people):
            if not people.starts_shift(draw, person, day):
                continue
            device = person.terminal if person.terminal is not None else self._terminals + index
            pattern = WorkPattern.PART if day.weekday() == 5 else person.pattern
            yield from self._shift(
                draw,
                person,
                _epoch(day),
                people.draw_times(draw, person, pattern),
                device,
                skews[device],
                limits[person.pattern][person.zone],
            )

    def _shift(
        self, draw: Random, person: Person, midnight: int, times: list[int], device: int, skew: int, late_after: int
    ) -> list[DemoPunch]:
        """Draw the punches of a shift.

        Args:
            draw: random generator of the day.
            person: the employee.
            midnight: midnight UTC of the day, ms since the epoch.
            times: times of the punches, ms after local midnight.
            device: index of the device.
            skew: how far the device's clock is ahead, ms.
            late_after: see `DemoPunch.late_after`.
        """
        chance = draw.random
        self.counts["workingDays"] += 1
        self.counts["nightShifts"] += person.pattern is WorkPattern.NIGHT
        lost_index = None
        if chance() < _FORGOTTEN_RATE:
            self.counts["forgotten"] += 1
            lost_index = draw.randrange(len(times))
            del times[lost_index]
            if chance() >= _LOST_BY_DEVICE_RATE:
                lost_index = None
        for at in tuple(times):
            if chance() < _DOUBLE_TAP_RATE:
                self.counts["doubleTaps"] += 1
                times.append(at + draw.randrange(2 * SECOND, 30 * SECOND))
        times.sort()
        self.counts["oddDays"] += len(times) % 2
        if person.terminal is not None:
            times = [at // SECOND * SECOND for at in times]  # a terminal's clock has whole seconds
        offsets = _offsets(midnight)[person.zone]
        true_times = [midnight + at - offsets[at // HOUR] for at in times]
        batch_sent = None
        if chance() < _OFFLINE_DAY_RATE:
            self.counts["offlineBatches"] += 1
            self.counts["punchedOffline"] += len(times)
            batch_sent = true_times[-1] + _delay(draw)
        is_old = person.terminal is not None and person.terminal % _OLD_TERMINAL_INTERVAL == 3
        name = f"celular-{person.employee_id}" if person.terminal is None else f"terminal-{person.terminal:06}"
        rows = []
        for index, (at, true_time) in enumerate(zip(times, true_times, strict=True)):
            if batch_sent is None:
                sent = true_time + int(draw.gammavariate(2, 400))
                if chance() < _RETRY_RATE:
                    sent += int(draw.expovariate(1 / (20 * SECOND)))
            else:
                sent = batch_sent + index * 300
            received = (sent + draw.randrange(20, 400)) * 1_000
            latitude = longitude = precision = None
            if person.sends_position:
                # The employee's number selects one of 97 places of work; the device measures it within some metres.
                street = (person.employee_id % 97 - 48) / 1_000
                town = ZONES[person.zone]
                latitude = round(town.latitude + street + draw.gauss(0, 0.0001), 6)
                longitude = round(town.longitude + street + draw.gauss(0, 0.0001), 6)
                precision = round(draw.uniform(4, 60), 1)
            rows.append(
                DemoPunch(
                    id=_uuid(draw, f"{true_time + skew:012x}7"),
                    usuario_id=person.employee_id,
                    ponto=(true_time + skew) * 1_000,
                    deslocamento=None if is_old else offsets[at // HOUR] // MINUTE,
                    dispositivo=None if is_old else name,
                    offline=None if is_old else batch_sent is not None,
                    enviado=None if is_old else (sent + skew) * 1_000,
                    latitude=latitude,
                    longitude=longitude,
                    precisao=precision,
                    sequencia=None if is_old else 0,
                    recebida_em=received,
                    gravada_em=0,
                    mensagem_id=_uuid(draw, f"{draw.getrandbits(48):012x}4"),
                    device=device,
                    true_time=true_time,
                    lost_before=0,
                    ready_at=received + int(draw.gammavariate(2, 250_000)),
                    late_after=late_after,
                    is_last_of_day=False,
                )
            )
        rows[-1].is_last_of_day = True
        if lost_index is not None:
            rows[min(lost_index, len(rows) - 1)].lost_before = 1
        return rows

    def _number(self, rows: list[DemoPunch], day_end: int) -> None:
        """Set `sequencia` of punches made before `day_end` (ms since the epoch), in the order of each device."""
        due = [row for row in rows if row.sequencia == 0 and row.true_time < day_end]
        for row in sorted(due, key=lambda row: row.true_time):
            self._sequences[row.device] += 1 + row.lost_before
            row.sequencia = self._sequences[row.device]
            self.counts["lostByDevices"] += row.lost_before

    @lru_cache(maxsize=2)  # noqa: B019  the company exists as long as the process
    def _skews(self, year: int, month: int) -> list[int]:
        """Draw how far each device's clock is ahead in a month, ms, by the index of the device."""
        draw = self._create_generator("clocks", year, month)
        return [
            draw.choice((-1, 1)) * draw.randrange(6 * MINUTE, 90 * MINUTE) if draw.random() < _WRONG_CLOCK_RATE else 0
            for _ in self._sequences
        ]

    def _count_written(self, rows: list[DemoPunch]) -> None:
        minute = 60 * 1_000_000
        counts = self.counts
        counts["punches"] += len(rows)
        for row in rows:
            late = row.recebida_em - row.ponto
            counts["receivedADayLate"] += late > 24 * 60 * minute
            counts["inTheFuture"] += -late > 5 * minute
            counts["daysChangedAfterThree"] += row.is_last_of_day and row.gravada_em > row.late_after
            counts["wrongClocks"] += row.enviado is not None and abs(row.recebida_em - row.enviado) > 5 * minute
            counts["withoutOffset"] += row.deslocamento is None
            counts["withPosition"] += row.latitude is not None
            counts["waitedAMinute"] += row.gravada_em - row.recebida_em > minute


def _delay(draw: Random) -> int:
    """Draw the delay with which the punches of an offline day are sent, ms."""
    if draw.random() < _LONG_DELAY_RATE:
        return int(draw.uniform(1 * DAY, 9 * DAY))
    return int(min(max(draw.lognormvariate(math.log(2 * HOUR), 1), 2 * MINUTE), 20 * HOUR))


def _uuid(draw: Random, start: str) -> str:
    """Return a UUID whose first 13 hexadecimal digits are `start`, the last of which is the version."""
    digits = f"{draw.getrandbits(74):019x}"
    variant = "89ab"[int(digits[0])]
    return f"{start[:8]}-{start[8:12]}-{start[12]}{digits[1:4]}-{variant}{digits[4:7]}-{digits[7:]}"


@lru_cache(maxsize=16)
def _limits(ordinal: int, cutoff: int) -> list[int]:
    """Return the instant three days after the end of a working day in each zone, microseconds since the epoch.

    Args:
        ordinal: proleptic Gregorian ordinal of the day.
        cutoff: local hour at which a working day ends.
    """
    midnight = _epoch(date.fromordinal(ordinal + 4))
    return [(midnight + cutoff * HOUR - offsets[cutoff]) * 1_000 for offsets in _offsets(midnight)]


@lru_cache(maxsize=16)
def _offsets(midnight: int) -> list[list[int]]:
    """Return the UTC offset (ms) of each zone at each of the 48 local hours from the date of this midnight UTC."""
    start = datetime.fromtimestamp(midnight / SECOND, UTC).replace(tzinfo=None)
    hours = [start + timedelta(hours=hour) for hour in range(48)]
    zones = [ZoneInfo(zone.name) for zone in ZONES]
    return [[(zone.utcoffset(hour) or timedelta()) // timedelta(milliseconds=1) for hour in hours] for zone in zones]


@lru_cache(maxsize=16)
def _epoch(day: date) -> int:
    """Return midnight UTC of a day, ms since the epoch."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * SECOND
