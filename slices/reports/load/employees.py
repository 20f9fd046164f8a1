"""Parser of the file of employees."""

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from slices import spreadsheet
from slices.employee_numbers import employee_id_error, is_cpf, lost_zeros_error
from slices.spreadsheet import Faults, Row

_MAX_NAME_LENGTH = 200  # characters

# ASCII digits only; \d also matches digits of other scripts.
_has_cpf_format = re.compile(r"[0-9]{11}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}").fullmatch
# With such a character, pages and spreadsheets display the letters of a name in another order.
_find_bidirectional_control = re.compile("[\u202a-\u202e\u2066-\u2069]").search
_has_time_format = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]").fullmatch


class Employee(NamedTuple):
    """A row of `funcionario`; the field names are its columns."""

    usuario_id: int
    nome: str
    cpf: str | None  # 11 digits
    fuso: str | None  # a name of pg_timezone_names; None: the stage's time zone
    corte: str | None  # HH:MM, local time at which the working day ends; None: 04:00


COLUMNS = Employee._fields


def parse_employees(content: bytes, zones: Collection[str]) -> tuple[list[Employee], Faults]:
    """Parse a CSV file of employees with the columns of `COLUMNS`; see `slices.spreadsheet`.

    Cells of cpf, fuso and corte may be empty. Empty lines are skipped.

    Args:
        content: content of the file.
        zones: names of the time zones of PostgreSQL.

    Returns:
        The employees of the correct lines, in the order of the file, and the faults of the other lines.
    """
    first_line: dict[int, int] = {}

    def find_faults(row: Row) -> dict[str, str | None]:
        number, name, cpf, zone, cutoff = row.cells
        number_fault = employee_id_error(number)
        if not number_fault and (first := first_line.setdefault(int(number), row.line)) != row.line:
            number_fault = f"is on line {first} already"
        return {
            "usuario_id": number_fault,
            "nome": _name_fault(name),
            "cpf": _cpf_fault(cpf) if cpf else None,
            "fuso": None if not zone or zone in zones else f"{zone!r} is not a time zone like America/Sao_Paulo",
            "corte": None if not cutoff or _has_time_format(cutoff) else f"{cutoff!r} is not a time like 04:00",
        }

    rows, faults = spreadsheet.read(content, COLUMNS, find_faults)
    return [_employee(*row.cells) for row in rows], faults


def _employee(number: str, name: str, cpf: str, zone: str, cutoff: str) -> Employee:
    return Employee(int(number), name, re.sub("[.-]", "", cpf) or None, zone or None, cutoff or None)


def _name_fault(text: str) -> str | None:
    if not text:
        return "is empty"
    if len(text) > _MAX_NAME_LENGTH:
        return f"has {len(text)} characters, more than {_MAX_NAME_LENGTH}"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        return "has a line break or another control character"
    if control := _find_bidirectional_control(text):
        return f"has a bidirectional control, U+{ord(control[0]):04X}; remove it"
    return None


def _cpf_fault(text: str) -> str | None:
    # The messages must not quote the digits, which are personal data: messages end up in logs.
    if error := lost_zeros_error(text):
        return error
    if not _has_cpf_format(text):
        return "is not 11 digits like 12345678909 or 123.456.789-09"
    if not is_cpf(text.replace(".", "").replace("-", "")):
        return "has wrong check digits"
    return None
