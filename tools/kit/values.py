"""Values of the kinds of fields, for examples and tests: those at the limits, an invalid one, and subjects."""

import re
import string
from itertools import groupby
from typing import Any

from ponto.shared.event import Subject
from ponto.shared.fields import Kind

_ATOM = r"[A-Za-z0-9 !\"#%&',/:;<=>@_`~-]|\\[.*+?()\[\]{}|\\]"  # no escape, or one that all regex engines know
_CLASS_CHARACTER = r"[A-Za-z0-9 !\"#%'()*+,./:;<=>?@_`{}|~]|\\[\[\]\\-]"
_CLASS = rf"\[-?(?:(?:{_CLASS_CHARACTER})(?:-(?:{_CLASS_CHARACTER}))?)+-?\]"
PATTERN_PART = re.compile(
    rf"({_ATOM}|{_CLASS})(?:(?P<optional>\?)|\{{(?P<low>[0-9]{{1,3}})(?:,(?P<high>[0-9]{{1,3}}))?\}})?"
)
"""Part of the pattern of a text: a character, or a class of characters, and how often it repeats."""

_CHARACTERS = string.digits + string.ascii_letters + string.punctuation + " "
_MAX_FURTHER_CHARACTERS = 12  # of a text that repeats parts more often than it has to
_FIRST_UNUSED_NUMBER = 10**15  # of subjects; numbers in use are much smaller

# Characters of one to four bytes in UTF-8, and those that JSON, SQL and psycopg2 escape.
_TEXT = 'Relógio 日 \U0001f600 "\\ %s '

_LIMITS: dict[str, list[Any]] = {
    "boolean": [False, True],
    "uuid": ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-fffffffffffe"],
    "timestamp": ["1900-01-01T00:00+14:59", "2999-12-31T23:59:59.999999-14:59"],
}

_INVALID: dict[str, Any] = {
    "boolean": "true",
    "decimal": "1,5",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "timestamp": "2026-02-30T08:00",
}


def limit_values(kind: Kind) -> list[Any]:
    """Return the least and the greatest valid value of a kind, as sent on the wire.

    For an enumeration these are all values. A pattern has no known values, so the list is empty.
    """
    match kind.name:
        case "integer" | "number":
            return list(kind.limits or ())
        case "decimal":
            return [f"{limit:f}" for limit in kind.limits or ()]
        case "enumeration":
            return list(kind.keywords["enum"])
        case "display_text":
            longest: int = kind.keywords["maxLength"]
            return ["x" * kind.keywords.get("minLength", 0), (_TEXT * longest)[:longest]]
    return _LIMITS.get(kind.name, [])


def nth_subject(kind: Kind, number: int) -> Subject:
    """Return a subject for a number; different ones for different numbers, if the kind has as many values."""
    match kind.name:
        case "enumeration":
            values: list[str] = kind.keywords["enum"]
            return values[number % len(values)]
        case "text":
            text = ""
            for characters in reversed(_characters(kind)):
                number, index = divmod(number, len(characters))
                text = characters[index] + text
            return text
    return number


def random_subject(kind: Kind) -> str:
    """Return an expression of JMeter for random subjects; for the first value of an enumeration."""
    match kind.name:
        case "enumeration":
            return str(nth_subject(kind, 0))
        case "text":
            runs = [(characters, len(list(run))) for characters, run in groupby(_characters(kind))]
            return "".join(
                length * characters if len(characters) == 1 else f"${{__RandomString({length},{characters})}}"
                for characters, length in runs
            )
    return f"${{__Random({_FIRST_UNUSED_NUMBER},{kind.limits[1] - 1 if kind.limits else 0})}}"


def declared_pattern(kind: Kind) -> str:
    """Return the pattern with which the kind of a text was declared."""
    anchored: str = kind.keywords["pattern"]
    return anchored.removeprefix("^(?:").rpartition(")(?!")[0]


def _characters(kind: Kind) -> list[str]:
    """Return the characters that each position of a text may have: letters and digits, or else one other character."""
    parts = [
        (part[1], 0 if part["optional"] else int(part["low"] or 1), int(part["high"] or part["low"] or 1))
        for part in PATTERN_PART.finditer(declared_pattern(kind))
    ]
    further = min(kind.keywords["maxLength"] - sum(low for _, low, _ in parts), _MAX_FURTHER_CHARACTERS)
    result = []
    for part, low, high in parts:
        matching = "".join(re.findall(part, _CHARACTERS))
        extra = min(high - low, further)
        further -= extra
        result += (low + extra) * ["".join(filter(str.isalnum, matching)) or matching[0]]
    return result


def invalid_value(kind: Kind) -> Any:
    """Return a value of the right JSON type, in most cases, that a kind rejects."""
    if kind.name in ("integer", "number"):
        return kind.limits[1] + 1 if kind.limits else None
    return _INVALID.get(kind.name, "a\nb")
