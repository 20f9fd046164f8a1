"""Checks that a pattern means the same in Python, Java, JavaScript and PostgreSQL, and that Python matches it fast."""

import re
import warnings
from typing import NamedTuple

_MAX_REPETITIONS = 255  # of PostgreSQL
_MAX_STEPS = 5_000_000  # each takes Python 1 to 15 ns

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


class _Search(NamedTuple):
    """Bounds of Python's search for a match of a part of a pattern."""

    ways: int = 1  # in which the part could match
    steps: int = 0  # attempts to match a character, until all ways are tried


def is_slow(pattern: str, max_length: int) -> bool:
    """Return whether Python could need too many steps to refuse a text of a length.

    Python tries all ways in which a pattern could match, so a client could stop the function that stores events. The
    ways multiply: `?` counts 2, a range such as {2,5} counts 4, `*`, `+` and {2,} count the length; a choice between
    alternatives counts the sum of their ways, and a repeated group its ways once for each repetition. What follows in
    the pattern is tried again for each of them, so long ends count too.
    """
    groups: list[list[list[_Search]]] = [[[]]]  # open groups, their alternatives, the parts of each
    for part in _PART.finditer(pattern):
        parts = groups[-1][-1]
        match part.lastgroup:
            case "open":
                groups.append([[]])
            case "or":
                groups[-1].append([])
            case "close":
                search = _choose(groups.pop())
                groups[-1][-1].append(search)
            case "quantifier":
                parts[-1] = _repeat(parts[-1], *_repetitions(part[0], max_length))
            case _:
                parts.append(_Search(steps=1))
    ways, steps = _choose(groups[0])
    return steps + ways > _MAX_STEPS  # each way ends with a look for the end of the text


def _choose(alternatives: list[list[_Search]]) -> _Search:
    """Return the bounds for a group."""
    searches = [_join(parts) for parts in alternatives]
    ways, steps = (sum(counts) for counts in zip(*searches, strict=True))
    return _Search(_limit(ways), _limit(steps + len(searches)))


def _join(parts: list[_Search]) -> _Search:
    """Return the bounds for parts one after another: each is tried for all ways of those before it."""
    ways, steps = 1, 0
    for part in parts:
        steps = _limit(steps + ways * part.steps)
        ways = _limit(ways * part.ways)
    return _Search(ways, steps)


def _repeat(part: _Search, low: int, high: int) -> _Search:
    """Return the bounds for a part that is repeated."""
    ways = _limit(part.ways**high)
    return _Search(_limit(ways * (high - low + 1)), _limit(part.steps * high * ways))


def _limit(number: int) -> int:
    """Return a number, or a smaller one that is too many steps, so that products stay small."""
    return min(number, _MAX_STEPS + 1)


def _repetitions(quantifier: str, max_length: int) -> tuple[int, int]:
    """Return how often a quantifier repeats at least and at most in a text of a length."""
    if quantifier in ("?", "*", "+"):
        return int(quantifier == "+"), 1 if quantifier == "?" else max_length
    low, comma, high = quantifier.strip("{}").partition(",")
    return int(low), int(high or (max(int(low), max_length) if comma else low))


def can_match(pattern: str, character: str) -> bool:
    """Return whether a text that matches a portable pattern may contain a character."""
    return any(part.lastgroup == "atom" and re.search(part[0], character) for part in _PART.finditer(pattern))
