"""The slices that `slices/enabled.txt` lists, and what they add to functions and commands.

An addition is an object in a module that has the same name in each slice, such as `STATEMENTS` in `statements`
(slices/README.md).
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ponto.read.statements import Catalogue
    from ponto.schema.actions import SchemaHooks

FOLDER = Path(__file__).parents[1] / "slices"


def names(folder: Path = FOLDER) -> list[str]:
    """Return the slice names in `enabled.txt` of a folder, in the order of the file."""
    lines = (folder / "enabled.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def collect(module: str, name: str) -> dict[str, Any]:
    """Return an object of a module by slice, for the enabled slices that have the module.

    Raises:
        ImportError: a module cannot be imported.
        AttributeError: a module lacks the object.
    """
    folders = {slice_name: FOLDER / slice_name for slice_name in names()}
    return {
        slice_name: getattr(import_module(f"slices.{slice_name}.{module}"), name)
        for slice_name, folder in folders.items()
        if (folder / f"{module}.py").exists()
    }


def schema_folders() -> dict[str, Path]:
    """Return the folders of the slices' migrations, by slice name."""
    return {name: folder for name in names() if (folder := FOLDER / name / "schema").is_dir()}


def schema_hooks() -> "list[SchemaHooks]":
    """Return the slices' actions and post-migration steps for the function `schema`."""
    return list(collect("schema_hooks", "HOOKS").values())


@cache
def statements() -> "Catalogue":
    """Return all statements for the function `read`, with those of the slices."""
    from ponto.read.punch_statements import STATEMENTS  # only the function `read` needs it

    return STATEMENTS.combine(collect("statements", "STATEMENTS").values())
