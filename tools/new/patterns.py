"""Check that a pattern means the same in Python, Java, JavaScript and PostgreSQL."""

import re
import warnings

_MAX_REPETITIONS = 255  # of PostgreSQL

# Characters that need no escape in any engine. Only those that are special in all of them may be escaped.
_ATOM = r"[A-Za-z0-9 !\"#%&',/:;<=>@_`~-]|\\[.*+?()\[\]{}|\\]"
_CLASS_CHARACTER = r"[A-Za-z0-9 !\"#%'()*+,./:;<=>?@_`{}|~]|\\[\[\]\\-]"
_CLASS = rf"\[-?(?:(?:{_CLASS_CHARACTER})(?:-(?:{_CLASS_CHARACTER}))?)+-?\]"
_QUANTIFIER = re.compile(r"[?*+]|\{([0-9]{1,3})(?:,([0-9]{1,3})?)?\}")
_EXACT = re.compile(r"\{[0-9]+\}")
_TOKEN = re.compile(rf"(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<or>\|)|(?P<atom>{_ATOM}|{_CLASS})")
_PART = re.compile(rf"{_TOKEN.pattern}|(?P<quantifier>{_QUANTIFIER.pattern})")


def find_mistake(pattern: str) -> str | None:
    """Return what is not portable in a pattern, or None.

    The portable subset has letters, digits, punctuation, escaped special characters, classes such as `[A-Z0-9-]`,
    groups, alternatives, and one quantifier after each of them. It matches ASCII texts only.
    """
    position, depth, can_repeat = 0, 0, False
    while position < len(pattern):
        if can_repeat and (quantifier := _QUANTIFIER.match(pattern, position)):
            if any(int(count) > _MAX_REPETITIONS for count in quantifier.groups() if count):
                return f"repeats more than {_MAX_REPETITIONS} times"
            position, can_repeat = quantifier.end(), False
            continue
        token = _TOKEN.match(pattern, position)
        if token is None:
            return f"has {pattern[position : position + 3]!a} at position {position + 1}"
        depth += {"open": 1, "close": -1}.get(str(token.lastgroup), 0)
        can_repeat = token.lastgroup in ("atom", "close")
        position = token.end()
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


def is_slow(pattern: str) -> bool:
    """Return whether a portable pattern repeats a group that can match a text in several ways, or an empty group.

    Python tries all ways of all repetitions, so a text of 30 characters could stop the function that stores events.
    """
    varies = [False]  # for each group that is open: whether it has alternatives or a quantifier that is not exact
    closed_varies = False  # the same for the group that has just been closed
    previous = None
    for part in _PART.finditer(pattern):
        match part.lastgroup:
            case "open":
                varies.append(False)
            case "close":
                if previous == "open":
                    return True
                closed_varies = varies.pop()
                varies[-1] |= closed_varies
            case "or":
                varies[-1] = True
            case "quantifier":
                if previous == "close" and closed_varies and part[0] != "?":
                    return True
                varies[-1] |= not _EXACT.fullmatch(part[0])
        previous = part.lastgroup
    return False


def can_match(pattern: str, character: str) -> bool:
    """Return whether a text that matches a portable pattern may contain a character."""
    return any(token.lastgroup == "atom" and re.search(token[0], character) for token in _TOKEN.finditer(pattern))
