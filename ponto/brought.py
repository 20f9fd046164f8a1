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


def requests(of_schema: Iterable[ModuleType]) -> dict[str, Callable[..., dict[str, Any]]]:
    """Give what answers the requests to the function `schema`, by the key of the event that asks.

    Raises:
        ValueError: two slices have one key.
    """
    found: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {}
    for module in of_schema:
        for key, request in module.REQUESTS.items():
            if key in found:
                raise ValueError(
                    f"REQUESTS: {found[key][0]} and {module.__name__} both have {key!r}; rename one of them"
                )
            found[key] = module.__name__, request
    return {key: request for key, (_, request) in found.items()}
