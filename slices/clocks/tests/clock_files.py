"""Files of hardware clocks that exist nowhere, in both layouts, as clocks write them and otherwise."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import NamedTuple

from ponto.documents import check_digits

CLOCK = "00004000070000123"
EIGHT = datetime(2026, 10, 1, 8)
_OFFSET = "-0300"


def crc(polynomial: int, start: int) -> Callable[[bytes], int]:
    """Give a CRC-16 of reflected bits, bit by bit."""

    def of(content: bytes) -> int:
        rest = start
        for byte in content:
            rest ^= byte
            for _ in range(8):
                rest = rest >> 1 ^ (polynomial if rest & 1 else 0)
        return rest

    return of


KERMIT, MODBUS = crc(0x8408, 0), crc(0xA001, 0xFFFF)


def cpf(number: int) -> str:
    """Make a CPF of a number of nine digits."""
    return f"{number:09}{check_digits(f'{number:09}')}"


def pis(number: int) -> str:
    """Make a PIS of a number of ten digits."""
    digits = f"{number:010}"
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2), strict=True))
    return f"{digits}{-weighted % 11 % 10}"


class HardwareClock(NamedTuple):
    """How a clock writes."""

    year: int = 2021  # of the layout
    number: str = CLOCK
    crc: Callable[[bytes], int] = MODBUS
    capitals: bool = True  # of the CRC
    encoding: str = "iso-8859-1"
    end: str = "\r\n"

    def header(self) -> str:
        """The first line."""
        name = "Padaria São João".ljust(150)
        if self.year == 2009:
            return f"0000000001112345678000195{'0' * 12}{name}{self.number}0110202631102026011120260830"
        days = "2026-10-012026-10-31"
        maker = f"112345678000195{'Modelo'.ljust(30)}"
        return self.checked(f"0000000001112345678000195{'0' * 14}{name}{self.number}{days}{self.time(EIGHT)}003{maker}")

    def punch(self, nsr: int, field: str, at: datetime = EIGHT) -> str:
        """A record of kind 3; the field of the employee has twelve characters."""
        assert len(field) == 12
        return self.checked(f"{nsr:09}3{self.time(at)}{field}")

    def setting(self, nsr: int, before: datetime, after: datetime) -> str:
        """A record of kind 4."""
        who = f"0{cpf(7)[:10]}" if self.year == 2021 else ""
        return self.checked(f"{nsr:09}4{self.time(before)}{self.time(after)}{who}")

    def employee(self, nsr: int, name: str = "José Conceição") -> str:
        """A record of kind 5."""
        more = f"0000{cpf(7)}" if self.year == 2021 else ""
        return self.checked(f"{nsr:09}5{self.time(EIGHT)}I0{cpf(9)}{name.ljust(52)}{more}")

    def employer(self, nsr: int) -> str:
        """A record of kind 2."""
        who = f"0{cpf(7)[:13]}".ljust(14, "0") if self.year == 2021 else ""
        name = f"1{'12345678000195'}{'0' * (14 if self.year == 2021 else 12)}{'Padaria São João'.ljust(150)}"
        return self.checked(f"{nsr:09}2{self.time(EIGHT)}{who}{name}{'Rua Um'.ljust(100)}")

    def event(self, nsr: int) -> str:
        """A record of kind 6, which is in the law of 2021 only."""
        return f"{nsr:09}6{self.time(EIGHT)}02"

    def trailer(self, lines: Sequence[str]) -> str:
        """The last line, which counts."""
        kinds = Counter(line[9] for line in lines)
        counted = "2345" if self.year == 2009 else "234567"
        return "999999999" + "".join(f"{kinds[kind]:09}" for kind in counted) + "9"

    def time(self, at: datetime) -> str:
        """A time as the layout has it, of whole minutes."""
        return f"{at:%d%m%Y%H%M}" if self.year == 2009 else f"{at:%Y-%m-%dT%H:%M}:00{_OFFSET}"

    def checked(self, text: str) -> str:
        """Append the CRC, where the layout has one."""
        if self.year == 2009:
            return text
        digits = f"{self.crc(text.encode('iso-8859-1')):04x}"
        return text + (digits.upper() if self.capitals else digits)

    def file(self, *lines: str, trailer: bool = True, signature: bool = False) -> bytes:
        """Give a whole file of some records."""
        ends = [self.trailer(lines)] if trailer else []
        ends += ["ASSINATURA_DIGITAL_EM_ARQUIVO_P7S"] if signature else []
        return "".join(f"{line}{self.end}" for line in (self.header(), *lines, *ends)).encode(self.encoding)


def month_records(clock: HardwareClock, people: Sequence[str], days: int = 1, first: int = 1) -> list[str]:
    """Give records of all kinds: who is there, two punches a day of each person, a setting of the clock each day.

    Args:
        clock: how it writes.
        people: their fields of twelve characters.
        days: how many.
        first: NSR of the first record.
    """
    numbers = count(first)
    lines = [clock.employer(next(numbers)), *(clock.employee(next(numbers)) for _ in people)]
    if clock.year == 2021:
        lines.append(clock.event(next(numbers)))
    for day in range(1, days + 1):
        eight = EIGHT.replace(day=day)
        lines.append(clock.setting(next(numbers), eight, eight.replace(minute=2)))
        lines += [clock.punch(next(numbers), who, eight.replace(hour=hour)) for hour in (8, 17) for who in people]
    return lines


def contains_personal_data(text: str, people: Sequence[str]) -> bool:
    """Tell whether a text holds a document of these people, or a name of the made-up files."""
    documents = {re.sub(r"\D", "", field)[-11:] for field in people}
    return any(part in text for part in (*documents, "José", "Conceição", "Padaria", cpf(7), cpf(9)))
