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
    value: Any  # a function gets the original as its first argument
    until: str  # condition under which the replacement is no longer needed


_REPLACEMENTS: list[_Replacement] = []
_Value = TypeVar("_Value")


def replaces(owner: Any, name: str, until: str) -> Callable[[_Value], _Value]:
    """Return a decorator that registers a replacement of an attribute; `replace` installs it."""

    def register(value: _Value) -> _Value:
        _REPLACEMENTS.append(_Replacement(owner, name, value, until))
        return value

    return register


def replace(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Install all registered replacements in this process.

    Args:
        set_attribute: sets an attribute; tests pass one that they can undo.

    Raises:
        LocalError: another version of a package is installed; the message lists the replacements.
    """
    mismatches = [
        f"{name} {installed}, not {expected}"
        for name, expected in VERSIONS.items()
        if (installed := version(name)) != expected
    ]
    if mismatches:
        lines = [f"  {owner.__name__}.{name}, until {until}\n" for owner, name, _, until in _REPLACEMENTS]
        raise LocalError(
            f"The adapter of the emulator replaces:\n{''.join(lines)}"
            f"It is written for other versions than the installed ones: {' and '.join(mismatches)}. Run make setup-run "
            "to install the expected versions. To use the new ones, check each replacement, the other private names "
            "that the adapter uses, and the settings in tools/local/ignored_settings.py; then change the versions in "
            "tools/local/replacements.py."
        )
    for owner, name, value, _ in _REPLACEMENTS:
        set_attribute(owner, name, _bind(value, getattr(owner, name)) if callable(value) else value)


def _bind(value: Any, original: Any) -> Any:
    return lambda *values, **keywords: value(original, *values, **keywords)
