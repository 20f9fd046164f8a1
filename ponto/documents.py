"""What numbers an employee has: the system's own, and the documents CPF and PIS."""

import re

from ponto.fields import LARGEST

LARGEST_EMPLOYEE = LARGEST - 1
"""The largest number of an employee: the one after it is whom a deployment's smoke test punches for."""

DIGITS = 11
"""Of a CPF, and of a PIS."""

_PIS_WEIGHTS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)

_is_number = re.compile(r"[0-9]{1,16}").fullmatch  # ASCII alone: \d knows digits of other scripts


def wrong_employee(text: str) -> str | None:
    """Say what is wrong with an employee's number; None: nothing."""
    if not _is_number(text) or not 1 <= int(text) <= LARGEST_EMPLOYEE:
        return f"{text!r} is not a number from 1 to {LARGEST_EMPLOYEE}"
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
