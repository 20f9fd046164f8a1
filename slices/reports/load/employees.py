"""The file of employees: what each line says, and everything that is wrong with it."""

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from ponto import spreadsheet
from ponto.documents import employee_id_fault, is_cpf
from ponto.spreadsheet import Faults, Row

_NAME = 200  # characters
_CPF = 11  # digits

# ASCII alone: \d knows digits of other scripts.
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


def read(content: bytes, zones: Collection[str]) -> tuple[list[Employee], Faults]:
    """Read a file of employees, whole: CSV with the columns of `COLUMNS`, as `ponto.spreadsheet` reads it.

    Cells of cpf, fuso and corte may be empty. Lines without anything in them are passed over.

    Args:
        content: of the file.
        zones: the names of the time zones that PostgreSQL knows.

    Returns:
        The employees of lines without a fault, in the order of the file, and what is wrong with it.
    """
    first_line: dict[int, int] = {}

    def wrong(row: Row) -> dict[str, str | None]:
        number, name, cpf, zone, cutoff = row.cells
        wrong_number = employee_id_fault(number)
        if not wrong_number and (first := first_line.setdefault(int(number), row.line)) != row.line:
            wrong_number = f"is on line {first} already"
        return {
            "usuario_id": wrong_number,
            "nome": _wrong_name(name),
            "cpf": _wrong_cpf(cpf) if cpf else None,
            "fuso": None if not zone or zone in zones else f"{zone!r} is not a time zone like America/Sao_Paulo",
            "corte": None if not cutoff or _is_time(cutoff) else f"{cutoff!r} is not a time like 04:00",
        }

    rows, faults = spreadsheet.read(content, COLUMNS, wrong)
    return [_employee(*row.cells) for row in rows], faults


def _employee(number: str, name: str, cpf: str, zone: str, cutoff: str) -> Employee:
    return Employee(int(number), name, re.sub("[.-]", "", cpf) or None, zone or None, cutoff or None)


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
