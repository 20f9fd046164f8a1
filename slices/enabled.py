"""The slices that `enabled.txt` lists, for Lambda entry points and commands.

`handler.py` passes them to the package `ponto`, which does not import this module.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ponto.admin.actions import SchemaHooks
    from ponto.reader.statements import Catalogue
    from slices.definition import Slice

FOLDER = Path(__file__).parent

T = TypeVar("T")


def names(folder: Path = FOLDER) -> list[str]:
    """Return the slice names in `enabled.txt` of a folder, in the order of the file."""
    lines = (folder / "enabled.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


@cache
def load() -> "dict[str, Slice]":
    """Return the enabled slices by name."""
    return {name: import_module(f"slices.{name}.slice").SLICE for name in names()}


def collect(method: "Callable[[Slice], T | None]") -> list[T]:
    """Return the result of a method for each enabled slice, without empty results."""
    return [result for each in load().values() if (result := method(each))]


def schema_folders() -> dict[str, Path]:
    """Return the folders of the slices' migrations, by slice name."""
    return {name: folder for name in names() if (folder := FOLDER / name / "schema").is_dir()}


def schema_hooks() -> "list[SchemaHooks]":
    """Return the slices' actions and post-migration steps for the function `schema`."""
    return collect(lambda each: each.schema_hooks())


@cache
def statements() -> "Catalogue":
    """Return all statements for the function `read`: those of the reference and of the slices."""
    from ponto.reader.statements import combine  # only the function `read` needs it

    return combine(collect(lambda each: each.statements()))
