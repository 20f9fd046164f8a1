"""Patches of private attributes of installed packages, for the versions for which the patches were written."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

from tools.local.errors import LocalError

VERSIONS = {"ministack": "1.5.33", "hypercorn": "0.18.0"}
"""Versions for which the adapter of the emulator and its server is written; others may have other private names."""


class _Patch(NamedTuple):
    owner: Any  # a module or a class
    name: str
    value: Any  # a function gets the original as its first argument
    until: str  # condition under which the patch is no longer needed


_PATCHES: list[_Patch] = []
_Value = TypeVar("_Value")


def patch(owner: Any, name: str, until: str) -> Callable[[_Value], _Value]:
    """Return a decorator that registers the replacement of an attribute; `install_patches` installs it."""

    def register(value: _Value) -> _Value:
        _PATCHES.append(_Patch(owner, name, value, until))
        return value

    return register


def install_patches(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Install all registered patches in this process.

    Args:
        set_attribute: sets an attribute; tests pass one that they can undo.

    Raises:
        LocalError: another version of a package is installed.
    """
    for package, expected in VERSIONS.items():
        if (installed := version(package)) != expected:
            raise LocalError(
                f"The adapter of the emulator is written for {package} {expected}, but {installed} is installed. Run "
                "make setup-run. To use the new version, check each patch and private name in tools/local/adapter.py "
                "and adapter_workers.py, and the settings in ignored_settings.py; then change the version in "
                "tools/local/replacements.py."
            )
    for owner, name, value, _ in _PATCHES:
        set_attribute(owner, name, _bind(value, getattr(owner, name)) if callable(value) else value)


def _bind(value: Any, original: Any) -> Any:
    return lambda *args, **kwargs: value(original, *args, **kwargs)
