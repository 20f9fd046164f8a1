"""Replacing private names of installed packages: each says until when it is needed, and the versions are checked."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

from tools.local.errors import LocalError

VERSIONS = {"ministack": "1.5.33", "hypercorn": "0.18.0"}
"""The versions that the adapter is written for: no package promises that its private names stay."""


class _Replacement(NamedTuple):
    owner: Any  # a module or a class
    name: str
    value: Any  # a function is called with the original and the arguments
    until: str  # what makes it unnecessary


_REPLACEMENTS: list[_Replacement] = []
_Value = TypeVar("_Value")


def replaces(owner: Any, name: str, until: str) -> Callable[[_Value], _Value]:
    """Register what it decorates, to be put in the place of an attribute by `replace`."""

    def register(value: _Value) -> _Value:
        _REPLACEMENTS.append(_Replacement(owner, name, value, until))
        return value

    return register


def replace(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Put each registered replacement in its place, in this process; a test's `put` takes it back.

    Raises:
        LocalError: another version is installed; the message has each replacement, and what makes it unnecessary.
    """
    other = [f"{name} {found}, not {known}" for name, known in VERSIONS.items() if (found := version(name)) != known]
    if other:
        listed = [f"  {owner.__name__}.{name}, until {until}\n" for owner, name, _, until in _REPLACEMENTS]
        raise LocalError(
            f"The adapter of the emulator replaces:\n{''.join(listed)}"
            f"Installed is {' and '.join(other)}, for which it is written: make setup-run installs that. To take the "
            "new one, see whether each of these is as it was, what else the adapter reads, and what "
            "tools/local/gaps.py sets; then write the version into tools/local/replacements.py."
        )
    for owner, name, value, _ in _REPLACEMENTS:
        put(owner, name, _bind(value, getattr(owner, name)) if callable(value) else value)


def _bind(value: Any, original: Any) -> Any:
    return lambda *values, **named: value(original, *values, **named)
