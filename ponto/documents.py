"""Numbers of an employee: the system's own, and the documents CPF and PIS.

In ponto because several slices have deployed functions that check them.
"""

import re

from ponto.fields import MAX_INTEGER

MAX_EMPLOYEE_ID = MAX_INTEGER - 1
"""The largest number of an employee: a deployment's smoke test punches for the one after it."""

DOCUMENT_DIGITS = 11
"""Digits of a CPF, and of a PIS."""

_PIS_WEIGHTS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)

_is_number = re.compile(r"[0-9]{1,16}").fullmatch  # ASCII alone: \d knows digits of other scripts


def employee_id_fault(text: str) -> str | None:
    """Describe what is wrong with an employee's number; None: nothing."""
    if not _is_number(text) or not 1 <= int(text) <= MAX_EMPLOYEE_ID:
        return f"{text!r} is not a number from 1 to {MAX_EMPLOYEE_ID}"
    return None


def is_cpf(digits: str) -> bool:
    """Return whether 11 digits are a CPF: its last two are check digits over those before, modulo 11."""
    return len(set(digits)) > 1 and digits == digits[:9] + check_digits(digits[:9])


def is_pis(digits: str) -> bool:
    """Return whether 11 digits are a PIS: its last is a check digit over those before, modulo 11."""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, _PIS_WEIGHTS, strict=False))
    return len(set(digits)) > 1 and digits[10:] == str(-weighted % 11 % 10)


def check_digits(nine: str) -> str:
    """Return the two check digits of a CPF's first nine."""
    digits = nine
    for _ in range(2):
        weighted = sum(int(digit) * weight for digit, weight in zip(reversed(digits), range(2, 12), strict=False))
        digits += str(-weighted % 11 % 10)  # 11 minus the rest; where that is 10 or 11, zero
    return digits[9:]
