"""What slices bring to functions: modules of theirs, which are found by their name."""

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import slices


def modules(name: str) -> list[ModuleType]:
    """Import the modules of this name that slices have, in the order of the slices' names."""
    found = [f"{package.name}.{name}" for package in iter_modules(slices.__path__, "slices.") if package.ispkg]
    return [import_module(each) for each in found if find_spec(each)]


def actions(slice_hooks: Iterable[ModuleType]) -> dict[str, Callable[..., dict[str, Any]]]:
    """Return the actions that slices add to the function `schema`, by name.

    Raises:
        ValueError: two slices define the same action.
    """
    origins: dict[str, str] = {}
    collected: dict[str, Callable[..., dict[str, Any]]] = {}
    for module in slice_hooks:
        for name, action in module.ACTIONS.items():
            if name in origins:
                raise ValueError(
                    f"ACTIONS: {origins[name]} and {module.__name__} both define {name!r}; rename one of them"
                )
            origins[name] = module.__name__
            collected[name] = action
    return collected
