"""Generated files of hardware clocks, in both layouts, with the deviations of real clocks."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import NamedTuple

from slices.employee_numbers import cpf_check_digits

CLOCK = "00004000070000123"
EIGHT = datetime(2026, 10, 1, 8)
_OFFSET = "-0300"


def crc(polynomial: int, start: int) -> Callable[[bytes], int]:
    """Return a function that computes a reflected CRC-16 bit by bit."""

    def compute(content: bytes) -> int:
        value = start
        for byte in content:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ (polynomial if value & 1 else 0)
        return value

    return compute


KERMIT, MODBUS = crc(0x8408, 0), crc(0xA001, 0xFFFF)


def cpf(number: int) -> str:
    """Return the CPF that starts with these nine digits."""
    return f"{number:09}{cpf_check_digits(f'{number:09}')}"


def pis(number: int) -> str:
    """Return the PIS that starts with these ten digits."""
    digits = f"{number:010}"
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2), strict=True))
    return f"{digits}{-weighted % 11 % 10}"


class HardwareClock(NamedTuple):
    """A hardware clock that writes its records in one layout."""

    year: int = 2021  # of the layout
    number: str = CLOCK
    crc: Callable[[bytes], int] = MODBUS
    capitals: bool = True  # the CRC has capital letters
    encoding: str = "iso-8859-1"
    end: str = "\r\n"

    def header(self) -> str:
        """Return the first line."""
        name = "Padaria São João".ljust(150)
        if self.year == 2009:
            return f"0000000001112345678000195{'0' * 12}{name}{self.number}0110202631102026011120260830"
        days = "2026-10-012026-10-31"
        maker = f"112345678000195{'Modelo'.ljust(30)}"
        return self.with_crc(
            f"0000000001112345678000195{'0' * 14}{name}{self.number}{days}{self.time(EIGHT)}003{maker}"
        )

    def punch(self, nsr: int, field: str, at: datetime = EIGHT) -> str:
        """Return a record of type 3; the employee's field has twelve characters."""
        assert len(field) == 12
        return self.with_crc(f"{nsr:09}3{self.time(at)}{field}")

    def setting(self, nsr: int, before: datetime, after: datetime) -> str:
        """Return a record of type 4."""
        operator = f"0{cpf(7)[:10]}" if self.year == 2021 else ""
        return self.with_crc(f"{nsr:09}4{self.time(before)}{self.time(after)}{operator}")

    def employee(self, nsr: int, name: str = "José Conceição") -> str:
        """Return a record of type 5."""
        operator = f"0000{cpf(7)}" if self.year == 2021 else ""
        return self.with_crc(f"{nsr:09}5{self.time(EIGHT)}I0{cpf(9)}{name.ljust(52)}{operator}")

    def employer(self, nsr: int) -> str:
        """Return a record of type 2."""
        operator = f"0{cpf(7)[:13]}".ljust(14, "0") if self.year == 2021 else ""
        name = f"1{'12345678000195'}{'0' * (14 if self.year == 2021 else 12)}{'Padaria São João'.ljust(150)}"
        return self.with_crc(f"{nsr:09}2{self.time(EIGHT)}{operator}{name}{'Rua Um'.ljust(100)}")

    def event(self, nsr: int) -> str:
        """Return a record of type 6, which only the layout of 2021 defines."""
        return f"{nsr:09}6{self.time(EIGHT)}02"

    def trailer(self, lines: Sequence[str]) -> str:
        """Return the last line, with the counts of records."""
        counts = Counter(line[9] for line in lines)
        counted_types = "2345" if self.year == 2009 else "234567"
        return "999999999" + "".join(f"{counts[record_type]:09}" for record_type in counted_types) + "9"

    def time(self, at: datetime) -> str:
        """Return a time of whole minutes in the format of the layout."""
        return f"{at:%d%m%Y%H%M}" if self.year == 2009 else f"{at:%Y-%m-%dT%H:%M}:00{_OFFSET}"

    def with_crc(self, text: str) -> str:
        """Append the CRC if the layout has one."""
        if self.year == 2009:
            return text
        digits = f"{self.crc(text.encode('iso-8859-1')):04x}"
        return text + (digits.upper() if self.capitals else digits)

    def file(self, *lines: str, trailer: bool = True, signature: bool = False) -> bytes:
        """Return a file with the header, some records and, if requested, a trailer and a signature."""
        ends = [self.trailer(lines)] if trailer else []
        ends += ["ASSINATURA_DIGITAL_EM_ARQUIVO_P7S"] if signature else []
        return "".join(f"{line}{self.end}" for line in (self.header(), *lines, *ends)).encode(self.encoding)


def month_records(clock: HardwareClock, employee_fields: Sequence[str], days: int = 1, first: int = 1) -> list[str]:
    """Return records of all types, with two punches a day of each employee and a setting of the clock each day.

    Args:
        clock: the clock.
        employee_fields: the employees' fields of twelve characters.
        days: number of days.
        first: NSR of the first record.
    """
    numbers = count(first)
    lines = [clock.employer(next(numbers)), *(clock.employee(next(numbers)) for _ in employee_fields)]
    if clock.year == 2021:
        lines.append(clock.event(next(numbers)))
    for day in range(1, days + 1):
        eight = EIGHT.replace(day=day)
        lines.append(clock.setting(next(numbers), eight, eight.replace(minute=2)))
        lines += [
            clock.punch(next(numbers), field, eight.replace(hour=hour)) for hour in (8, 17) for field in employee_fields
        ]
    return lines


def contains_personal_data(text: str, employee_fields: Sequence[str]) -> bool:
    """Return whether a text holds a CPF or PIS of these employees, or a name in the generated files."""
    documents = {re.sub(r"\D", "", field)[-11:] for field in employee_fields}
    return any(part in text for part in (*documents, "José", "Conceição", "Padaria", cpf(7), cpf(9)))
