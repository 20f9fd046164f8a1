"""The file of employees: what each line says, and everything that is wrong with it."""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ponto import fields

LARGEST = fields.LARGEST - 1
"""The largest number of an employee: the one after it is whom a deployment's smoke test punches for."""

_NAME = 200  # characters
_CPF = 11  # digits

# ASCII alone: \d knows digits of other scripts.
_is_number = re.compile(r"[0-9]{1,16}").fullmatch
_is_cpf = re.compile(r"[0-9]{11}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}").fullmatch
_is_shorter = re.compile(r"[0-9]{8,10}").fullmatch
# A name with one is read in another order than it is written, on a page and in a spreadsheet.
_bidirectional_control = re.compile("[\u202a-\u202e\u2066-\u2069]").search
_is_time = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]").fullmatch


class Employee(NamedTuple):
    """A row of `funcionario`: field names are its columns."""

    usuario_id: int
    nome: str
    cpf: str | None  # 11 digits
    fuso: str | None  # as PostgreSQL names it; None: the stage's
    corte: str | None  # HH:MM, local: where the working day ends; None: 04:00


COLUMNS = Employee._fields


class Fault(NamedTuple):
    """Something wrong with the file."""

    line: int  # of the file, from 1
    column: str | None  # None: the line as a whole
    what: str

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.what}"


def read(content: bytes, zones: Collection[str]) -> tuple[list[Employee], list[Fault]]:
    """Read a file of employees, whole.

    CSV in UTF-8, with or without a byte order mark, with `,` or, as spreadsheets in Brazil write it, `;` between. The
    first line names the columns: all of `COLUMNS`, in any order. Cells of cpf, fuso and corte may be empty. Lines
    without anything in them are passed over.

    Args:
        content: of the file.
        zones: the names of the time zones that PostgreSQL knows.

    Returns:
        The employees, in the order of the file, and all that is wrong with it, in order of the lines. Of a line
        with a fault no employee is returned.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Fault(line, None, "is not UTF-8; let the spreadsheet save it as CSV UTF-8")]
    rows, broken = _rows(text)
    line, first = rows[0] if rows else (1, [])
    names = [name.lower() for name in first]
    faults = _wrong_names(line, names)
    employees: list[Employee] = []
    first_line: dict[int, int] = {}
    for line, cells in [] if faults else rows[1:]:
        employee, found = _employee(line, names, cells, zones)
        if employee is not None and first_line.setdefault(employee.usuario_id, line) != line:
            found.insert(0, Fault(line, "usuario_id", f"is on line {first_line[employee.usuario_id]} already"))
        if employee is not None and not found:
            employees.append(employee)
        faults += found
    return employees, faults + broken


def is_cpf(digits: str) -> bool:
    """Tell whether 11 digits are a CPF: its last two are check digits over those before, modulo 11."""
    return len(set(digits)) > 1 and digits == digits[:9] + check_digits(digits[:9])


def check_digits(nine: str) -> str:
    """Give the two check digits of a CPF's first nine."""
    digits = nine
    for _ in range(2):
        weighted = sum(int(digit) * weight for digit, weight in zip(reversed(digits), range(2, 12), strict=False))
        digits += str(-weighted % 11 % 10)  # 11 minus the rest; where that is 10 or 11, zero
    return digits[9:]


def _rows(text: str) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Return the cells of each record that has any, with the line it begins on, and where it stops being CSV."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        return rows, [Fault(line, None, f"is not CSV: {error}")]
    return rows, []


def _wrong_names(line: int, names: Sequence[str]) -> list[Fault]:
    what = [f"column {name!r} is unknown" for name in names if name not in COLUMNS]
    what += [f"column {name} is missing" for name in COLUMNS if name not in names]
    what += [f"column {name} is there twice" for name in COLUMNS if names.count(name) > 1]
    return [Fault(line, None, f"{'; '.join(what)} (the first line names {','.join(COLUMNS)})")] if what else []


def _employee(
    line: int, names: Sequence[str], cells: Sequence[str], zones: Collection[str]
) -> tuple[Employee | None, list[Fault]]:
    if len(cells) != len(names):
        return None, [Fault(line, None, f"has {len(cells)} columns instead of {len(names)}")]
    cell = dict(zip(names, cells, strict=True))
    number, name, cpf, zone, cutoff = (cell[column] for column in COLUMNS)
    wrong = {
        "usuario_id": _wrong_number(number),
        "nome": _wrong_name(name),
        "cpf": _wrong_cpf(cpf) if cpf else None,
        "fuso": None if not zone or zone in zones else f"{zone!r} is not a time zone like America/Sao_Paulo",
        "corte": None if not cutoff or _is_time(cutoff) else f"{cutoff!r} is not a time like 04:00",
    }
    faults = [Fault(line, column, what) for column, what in wrong.items() if what]
    if wrong["usuario_id"]:
        return None, faults
    digits = cpf.replace(".", "").replace("-", "")
    return Employee(int(number), name, digits or None, zone or None, cutoff or None), faults


def _wrong_number(text: str) -> str | None:
    if not _is_number(text) or not 1 <= int(text) <= LARGEST:
        return f"{text!r} is not a number from 1 to {LARGEST}"
    return None


def _wrong_name(text: str) -> str | None:
    if not text:
        return "is empty"
    if len(text) > _NAME:
        return f"has {len(text)} characters, more than {_NAME}"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        return "has a line break or another control character"
    if found := _bidirectional_control(text):
        return f"has a bidirectional control, U+{ord(found[0]):04X}; remove it"
    return None


def _wrong_cpf(text: str) -> str | None:
    # The digits are not told: it is personal data, and messages end up in logs.
    if _is_shorter(text):
        return f"has {len(text)} of {_CPF} digits; has the spreadsheet dropped a zero in front?"
    if not _is_cpf(text):
        return f"is not {_CPF} digits like 12345678909 or 123.456.789-09"
    if not is_cpf(text.replace(".", "").replace("-", "")):
        return "has wrong check digits"
    return None
