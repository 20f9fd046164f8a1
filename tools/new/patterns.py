"""Checks that a pattern means the same in Python, Java, JavaScript and PostgreSQL, and that Python matches it fast."""

import re
import warnings
from math import prod

_MAX_REPETITIONS = 255  # of PostgreSQL
_MAX_WAYS = 1_000_000  # each takes Python 10 to 25 ns, more if the pattern ends with many characters without a choice

# Characters that need no escape in any engine. Only those that are special in all of them may be escaped.
_ATOM = r"[A-Za-z0-9 !\"#%&',/:;<=>@_`~-]|\\[.*+?()\[\]{}|\\]"
_CLASS_CHARACTER = r"[A-Za-z0-9 !\"#%'()*+,./:;<=>?@_`{}|~]|\\[\[\]\\-]"
_CLASS = rf"\[-?(?:(?:{_CLASS_CHARACTER})(?:-(?:{_CLASS_CHARACTER}))?)+-?\]"
_PART = re.compile(
    rf"(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<or>\|)|(?P<atom>{_ATOM}|{_CLASS})"
    r"|(?P<quantifier>[?*+]|\{[0-9]{1,3}(?:,(?:[0-9]{1,3})?)?\})"
)


def find_mistake(pattern: str) -> str | None:
    """Return what is not portable in a pattern, or None.

    The portable subset has letters, digits, punctuation, escaped special characters, classes such as `[A-Z0-9-]`,
    groups, alternatives, and one quantifier after each of them. It matches ASCII texts only.
    """
    position, depth, can_repeat = 0, 0, False
    while position < len(pattern):
        part = _PART.match(pattern, position)
        if part is None or (part.lastgroup == "quantifier" and not can_repeat):
            return f"has {pattern[position : position + 3]!a} at position {position + 1}"
        if part.lastgroup == "quantifier" and any(int(n) > _MAX_REPETITIONS for n in re.findall("[0-9]+", part[0])):
            return f"repeats more than {_MAX_REPETITIONS} times"
        depth += {"open": 1, "close": -1}.get(str(part.lastgroup), 0)
        can_repeat = part.lastgroup in ("atom", "close")
        position = part.end()
        if depth < 0:
            break
    if depth:
        return "has an unbalanced parenthesis"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # of classes that later versions may read otherwise
            re.compile(pattern)
    except (re.error, FutureWarning) as error:
        return f"is not valid: {error}"
    return None


def is_slow(pattern: str, max_length: int) -> bool:
    """Return whether there are too many ways in which a portable pattern could match a text of a length.

    Python tries all ways before it refuses a text, so a client could stop the function that stores events. They
    multiply: `?` counts 2, a range such as {2,5} counts 4, `*`, `+` and {2,} count the length; a choice between
    alternatives counts the sum of their ways, and a repeated group its ways once for each repetition.
    """
    groups: list[list[list[int]]] = [[[]]]  # open groups, their alternatives, the ways of each part of them
    for part in _PART.finditer(pattern):
        parts = groups[-1][-1]
        match part.lastgroup:
            case "open":
                groups.append([[]])
            case "or":
                groups[-1].append([])
            case "close":
                ways = _count_ways(groups.pop())
                groups[-1][-1].append(ways)
            case "quantifier":
                low, high = _repetitions(part[0], max_length)
                parts[-1] = min(parts[-1] ** high * (high - low + 1), _MAX_WAYS + 1)
            case _:
                parts.append(1)
    return _count_ways(groups[0]) > _MAX_WAYS


def _count_ways(alternatives: list[list[int]]) -> int:
    return min(sum(map(prod, alternatives)), _MAX_WAYS + 1)


def _repetitions(quantifier: str, max_length: int) -> tuple[int, int]:
    """Return how often a quantifier repeats at least and at most in a text of a length."""
    if quantifier in ("?", "*", "+"):
        return int(quantifier == "+"), 1 if quantifier == "?" else max_length
    low, comma, high = quantifier.strip("{}").partition(",")
    return int(low), int(high or (max(int(low), max_length) if comma else low))


def can_match(pattern: str, character: str) -> bool:
    """Return whether a text that matches a portable pattern may contain a character."""
    return any(part.lastgroup == "atom" and re.search(part[0], character) for part in _PART.finditer(pattern))
