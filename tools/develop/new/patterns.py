"""Checks that a pattern means the same in Python, Java, JavaScript and PostgreSQL, and that Python matches it fast."""

import re
import warnings

from tools.kit.values import PATTERN_PART

_MAX_REPETITIONS = 255  # of PostgreSQL
_MAX_STEPS = 5_000_000  # each takes Python 1 to 15 ns


def find_mistake(pattern: str) -> str | None:
    """Return what is not portable in a pattern, or None.

    The portable subset is a sequence of ASCII characters, of escaped special characters, and of classes such as
    `[A-Z0-9-]`. Each may have `?`, `{2}` or `{2,5}`.
    """
    position = 0
    while part := PATTERN_PART.match(pattern, position):
        if int(part["high"] or part["low"] or 1) > _MAX_REPETITIONS:
            return f"repeats more than {_MAX_REPETITIONS} times"
        position = part.end()
    if position < len(pattern):
        return f"has {pattern[position : position + 3]!a} at position {position + 1}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # of classes that later versions may read otherwise
            re.compile(pattern)
    except (re.error, FutureWarning) as error:
        return f"is not valid: {error}"
    return None


def is_slow(pattern: str) -> bool:
    """Return whether Python could need too many steps to refuse a text, so that a client could stop the drain.

    Python tries all ways in which a pattern could match: the product of the ways of its parts.
    """
    ways, steps = 1, 0
    for part in PATTERN_PART.finditer(pattern):
        low = 0 if part["optional"] else int(part["low"] or 1)
        high = int(part["high"] or part["low"] or 1)
        steps += ways * high
        ways *= high - low + 1
    return ways + steps > _MAX_STEPS


def can_match(pattern: str, character: str) -> bool:
    """Return whether a text that matches a portable pattern may contain a character."""
    return any(re.search(part[1], character) for part in PATTERN_PART.finditer(pattern))
