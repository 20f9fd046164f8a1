"""Replacement of private functions of installed packages, only in the versions for which it was written."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

from tools.local.errors import LocalError

VERSIONS = {"ministack": "1.5.33", "hypercorn": "0.18.0"}
"""Versions for which the adapter is written; others may have other private names."""


class _Replacement(NamedTuple):
    owner: Any  # a module or a class
    name: str
    value: Any  # a function is called with the original first, then the arguments
    until: str  # condition under which it is no longer needed


_REPLACEMENTS: list[_Replacement] = []
_Value = TypeVar("_Value")


def replaces(owner: Any, name: str, until: str) -> Callable[[_Value], _Value]:
    """Return a decorator that registers a replacement of an attribute; `replace` installs it."""

    def register(value: _Value) -> _Value:
        _REPLACEMENTS.append(_Replacement(owner, name, value, until))
        return value

    return register


def replace(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Install all registered replacements in this process.

    Args:
        put: sets an attribute; tests pass one that they can undo.

    Raises:
        LocalError: another version of a package is installed; the message lists the replacements.
    """
    other = [f"{name} {found}, not {known}" for name, known in VERSIONS.items() if (found := version(name)) != known]
    if other:
        listed = [f"  {owner.__name__}.{name}, until {until}\n" for owner, name, _, until in _REPLACEMENTS]
        raise LocalError(
            f"The adapter of the emulator replaces:\n{''.join(listed)}"
            f"Installed is {' and '.join(other)}, for which it is written: make setup-run installs that. To use the "
            "new version, check each replacement, the other private names that the adapter uses, and what "
            "tools/local/gaps.py sets; then write the version into tools/local/replacements.py."
        )
    for owner, name, value, _ in _REPLACEMENTS:
        put(owner, name, _bind(value, getattr(owner, name)) if callable(value) else value)


def _bind(value: Any, original: Any) -> Any:
    return lambda *values, **named: value(original, *values, **named)
