"""Validation of employee ids, and of CPF, PIS and CNPJ numbers."""

import re
from collections.abc import Iterable
from itertools import cycle

from ponto.shared.fields import MAX_SAFE_INTEGER

MAX_EMPLOYEE_ID = MAX_SAFE_INTEGER - 1
"""Highest id of an employee. The next number is reserved for the smoke test of a deployment."""

CPF_PIS_DIGITS = 11
"""Number of digits of a CPF or PIS."""

# ASCII only: \d also matches digits of other scripts.
_is_number = re.compile(r"[0-9]{1,16}").fullmatch
_has_too_few_digits = re.compile(r"[0-9]{8,10}").fullmatch


def employee_id_error(text: str) -> str | None:
    """Return what is wrong with an employee id, or None."""
    if not _is_number(text) or not 1 <= int(text) <= MAX_EMPLOYEE_ID:
        return f"{text!r} is not a number from 1 to {MAX_EMPLOYEE_ID}"
    return None


def lost_zeros_error(text: str) -> str | None:
    """Return the error of a CPF or PIS without its leading zeros, or None. It does not quote the digits."""
    if _has_too_few_digits(text):
        return f"has {len(text)} of {CPF_PIS_DIGITS} digits; the spreadsheet may have removed leading zeros"
    return None


def is_cpf(digits: str) -> bool:
    """Return whether 11 digits are a CPF. Equal digits are not, although their check digits are right."""
    return len(set(digits)) > 1 and digits[9:] == cpf_check_digits(digits[:9])


def is_pis(digits: str) -> bool:
    """Return whether 11 digits are a PIS; see `is_cpf`."""
    return len(set(digits)) > 1 and digits[10:] == _check_digits(digits[:10], 1, range(2, 10))


def is_cnpj(characters: str) -> bool:
    """Return whether 14 characters are a CNPJ; see `is_cpf`. It may have letters."""
    return len(set(characters)) > 1 and characters[12:] == _check_digits(characters[:12], 2, range(2, 10))


def cpf_check_digits(base: str) -> str:
    """Return the two check digits of a CPF's first nine digits."""
    return _check_digits(base, 2, range(2, 12))


def _check_digits(base: str, count: int, weights: Iterable[int]) -> str:
    """Return the check digits of some characters, modulo 11, with weights from the right."""
    digits = base
    for _ in range(count):
        weighted = sum(
            (ord(character) - ord("0")) * weight for character, weight in zip(reversed(digits), cycle(weights))
        )
        digits += str(-weighted % 11 % 10)  # 11 minus the remainder; if that is 10 or 11, zero
    return digits[len(base) :]
