"""Whose a document is, CPF or PIS: what a hardware clock knows of an employee, for the import of its files.

No message of this module quotes a document.
"""

import re

from ponto import spreadsheet
from ponto.fields import LARGEST
from ponto.spreadsheet import Faults, Row

KEY = "documents/documents.csv"
"""Where the table is in the bucket of files."""

LARGEST_EMPLOYEE = LARGEST - 1
"""The largest number of an employee: the one after it is whom a deployment's smoke test punches for."""

MOST_BYTES = 16 << 20
"""Of the table: half a million lines."""

COLUMNS = ("documento", "usuarioId")

_DIGITS = 11  # of a CPF, and of a PIS
_PIS_WEIGHTS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)

# ASCII alone: \d knows digits of other scripts.
_is_number = re.compile(r"[0-9]{1,16}").fullmatch
_is_document = re.compile(rf"[0-9]{{{_DIGITS}}}").fullmatch
_is_shorter = re.compile(r"[0-9]{8,10}").fullmatch


def read(content: bytes) -> tuple[dict[str, int], Faults]:
    """Read the table of documents, whole: CSV with the columns of `COLUMNS`, as `ponto.spreadsheet` reads it.

    An employee may have several documents; a document is of one employee.

    Returns:
        The employee of each document, and what is wrong with the table.
    """
    first_line: dict[str, int] = {}

    def wrong(row: Row) -> dict[str, str | None]:
        document, employee = row.cells
        first = first_line.setdefault(document, row.line)
        is_wrong = wrong_employee(employee) is not None  # which quotes it, and it may be a document
        return {
            "documento": f"is on line {first} already" if first != row.line else _wrong_document(document),
            "usuarioId": f"is not a number from 1 to {LARGEST_EMPLOYEE}" if is_wrong else None,
        }

    rows, faults = spreadsheet.read(content, COLUMNS, wrong)
    return {document: int(employee) for _, (document, employee) in rows}, faults


def wrong_employee(text: str) -> str | None:
    """Say what is wrong with an employee's number; None: nothing."""
    if not _is_number(text) or not 1 <= int(text) <= LARGEST_EMPLOYEE:
        return f"{text!r} is not a number from 1 to {LARGEST_EMPLOYEE}"
    return None


def _wrong_document(text: str) -> str | None:
    if _is_shorter(text):
        return f"has {len(text)} of {_DIGITS} digits; has the spreadsheet dropped a zero in front?"
    if not _is_document(text):
        return f"is not {_DIGITS} digits, without points or hyphens"
    if not is_cpf(text) and not is_pis(text):
        return "has the check digits of neither a CPF nor a PIS"
    return None


def is_cpf(digits: str) -> bool:
    """Tell whether 11 digits are a CPF: its last two are check digits over those before, modulo 11."""
    return len(set(digits)) > 1 and digits == digits[:9] + check_digits(digits[:9])


def is_pis(digits: str) -> bool:
    """Tell whether 11 digits are a PIS: its last is a check digit over those before, modulo 11."""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, _PIS_WEIGHTS, strict=False))
    return len(set(digits)) > 1 and digits[10:] == str(-weighted % 11 % 10)


def check_digits(nine: str) -> str:
    """Give the two check digits of a CPF's first nine."""
    digits = nine
    for _ in range(2):
        weighted = sum(int(digit) * weight for digit, weight in zip(reversed(digits), range(2, 12), strict=False))
        digits += str(-weighted % 11 % 10)  # 11 minus the rest; where that is 10 or 11, zero
    return digits[9:]
