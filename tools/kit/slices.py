"""The slices that are there, and what their `slice.yml` say; resources/slices.js reads the same for osls."""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import yaml

from tools.kit.errors import CommandError
from tools.kit.project import ROOT

_FOLDER = ContextVar("_FOLDER", default=ROOT / "slices")


class Slice(NamedTuple):
    """A folder of slices/."""

    name: str
    folder: Path
    says: Mapping[str, Any]  # what stands in its slice.yml, as YAML has it

    @property
    def needs(self) -> list[str]:
        """The names of the slices that it needs."""
        return self.says.get("needs") or []


def installed() -> tuple[Slice, ...]:
    """Give the slices that are there, each behind those that it needs.

    Raises:
        CommandError: one needs a slice that is not there, or itself, or its slice.yml is no YAML.
    """
    return _in(_FOLDER.get())


def _read(file: Path) -> Mapping[str, Any]:
    where = f"slices/{file.parent.name}/{file.name}"
    try:
        says = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise CommandError(f"{where}: {error}") from None
    if not isinstance(says, dict):
        raise CommandError(f"{where}: it has no keys, as slices/README.md lists them")
    return says


@cache
def _in(folder: Path) -> tuple[Slice, ...]:
    found = {file.parent.name: file for file in sorted(folder.glob("*/slice.yml"))}
    ordered: dict[str, Slice] = {}

    def add(name: str, needed_by: tuple[str, ...] = ()) -> None:
        if name in needed_by:
            raise CommandError(f"slices/{name} needs itself, by {' -> '.join((*needed_by, name))}")
        says = _read(found[name])
        for other in says.get("needs") or ():
            if other not in found:
                raise CommandError(
                    f"slices/{name} needs slices/{other}, which is not there: bring it back, or delete both"
                )
            if other not in ordered:
                add(other, (*needed_by, name))
        ordered[name] = Slice(name, found[name].parent, says)

    for name in found:
        if name not in ordered:
            add(name)
    return tuple(ordered.values())


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Read the slices of another folder."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def absent() -> AbstractContextManager[None]:
    """Read no slices: what the reference's documents say does not change with a folder."""
    return in_folder(Path(os.devnull))


def said(key: str) -> Iterator[Any]:
    """Give the items of the lists that the slices have under a key, in the order of the slices."""
    for each in installed():
        yield from each.says.get(key) or ()


def said_by_name(key: str, reference: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give what the reference and the slices have under a key by names, in this order.

    Raises:
        CommandError: two have the same name; see also `installed`.
    """
    named = dict(reference or {})
    for each in installed():
        for name, value in (each.says.get(key) or {}).items():
            if name in named:
                raise CommandError(f"slices/{each.name}/slice.yml: {key}: there is a '{name}' already")
            named[name] = value
    return named


def schema_folders() -> dict[str, Path]:
    """Return the folders of the slices' migrations, by slice, each behind those that it needs."""
    return {each.name: each.folder / "schema" for each in installed() if (each.folder / "schema").is_dir()}


def modules(name: str) -> Iterator[ModuleType]:
    """Import the modules of this name that slices have, in the order of the slices."""
    for each in installed():
        if (each.folder / f"{name}.py").exists():
            yield importlib.import_module(f"slices.{each.name}.{name}")


def found(name: str) -> Any:
    """Import what a name like `slices.one.command:one` means."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def main() -> int:
    """Print what is wrong with the slices, if anything; for make, before it runs what needs them."""
    try:
        installed()
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
