"""The slices that `enabled.txt` lists, for entry points and commands; nothing in `ponto` imports it."""

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
    """Return the names that a folder's `enabled.txt` lists, in its order."""
    lines = (folder / "enabled.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


@cache
def load() -> "dict[str, Slice]":
    """Return the slices by name."""
    return {name: import_module(f"slices.{name}.slice").SLICE for name in names()}


def collect(ask: "Callable[[Slice], T | None]") -> list[T]:
    """Return what the slices answer, without those that add nothing."""
    return [answer for each in load().values() if (answer := ask(each))]


def schema_folders() -> dict[str, Path]:
    """Return the folders of the slices' migrations, by slice."""
    return {name: folder for name in names() if (folder := FOLDER / name / "schema").is_dir()}


def schema_hooks() -> "list[SchemaHooks]":
    """Return what the slices add to the function `schema`."""
    return collect(lambda each: each.schema_hooks())


@cache
def statements() -> "Catalogue":
    """Return the statements of the function `read`: the reference's and the slices'."""
    from ponto.reader.statements import combine  # other functions do without

    return combine(collect(lambda each: each.statements()))
