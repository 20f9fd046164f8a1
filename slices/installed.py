"""What the slices add to functions and commands, for whoever starts these; nothing in `ponto` imports it."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ponto.admin.actions import SchemaHooks
    from ponto.reader.statements import Catalogue

_FOLDER = Path(__file__).parent


def modules(name: str) -> list[ModuleType]:
    """Import the slices' modules of this name, in the order of the slices' names."""
    return [import_module(f"slices.{path.parent.name}.{name}") for path in sorted(_FOLDER.glob(f"*/{name}.py"))]


def schema_folders() -> dict[str, Path]:
    """Return the folders of the slices' migrations, by slice."""
    return {path.parent.name: path for path in _FOLDER.glob("*/schema")}


def schema_hooks() -> "list[SchemaHooks]":
    """Return what the slices add to the function `schema`."""
    return [module.HOOKS for module in modules("schema_hooks")]


@cache
def statements() -> "Catalogue":
    """Return the statements of the function `read`: the reference's and the slices'."""
    from ponto.reader.statements import combine  # other functions do without

    return combine(module.STATEMENTS for module in modules("statements"))
