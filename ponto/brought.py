"""What slices bring to functions: modules of theirs, which are found by their name."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

import slices


def modules(name: str) -> list[ModuleType]:
    """Import the modules of this name that slices have, in the order of the slices' names."""
    found = [f"{package.name}.{name}" for package in iter_modules(slices.__path__, "slices.") if package.ispkg]
    return [import_module(each) for each in found if find_spec(each)]
