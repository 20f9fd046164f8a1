"""Validation of employee ids, and of CPF and PIS numbers."""

import re

from ponto.shared.fields import MAX_SAFE_INTEGER

MAX_EMPLOYEE_ID = MAX_SAFE_INTEGER - 1
"""Highest id of an employee. The next number is reserved for the smoke test of a deployment."""

CPF_PIS_DIGITS = 11
"""Number of digits of a CPF or PIS."""

_PIS_WEIGHTS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)

_is_number = re.compile(r"[0-9]{1,16}").fullmatch  # ASCII only: \d also matches digits of other scripts


def employee_id_error(text: str) -> str | None:
    """Return what is wrong with an employee id, or None."""
    if not _is_number(text) or not 1 <= int(text) <= MAX_EMPLOYEE_ID:
        return f"{text!r} is not a number from 1 to {MAX_EMPLOYEE_ID}"
    return None


def is_cpf(digits: str) -> bool:
    """Return whether 11 digits are a CPF, whose last two digits are check digits of the first nine.

    Eleven equal digits are not a CPF, although their check digits are right.
    """
    return len(set(digits)) > 1 and digits == digits[:9] + cpf_check_digits(digits[:9])


def is_pis(digits: str) -> bool:
    """Return whether 11 digits are a PIS, whose last digit is a check digit of the first ten; see `is_cpf`."""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, _PIS_WEIGHTS, strict=False))
    return len(set(digits)) > 1 and digits[10:] == str(-weighted % 11 % 10)


def cpf_check_digits(base: str) -> str:
    """Return the two check digits of a CPF's first nine digits."""
    digits = base
    for _ in range(2):
        weighted = sum(int(digit) * weight for digit, weight in zip(reversed(digits), range(2, 12), strict=False))
        digits += str(-weighted % 11 % 10)  # 11 minus the remainder; if that is 10 or 11, zero
    return digits[9:]
