"""Enabled slices with their `aws.yml`; resources/slices.js reads the same files for osls."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ponto import enabled_slices
from tools.kit.errors import CommandError


class SliceManifest(NamedTuple):
    """An enabled slice with the content of its `aws.yml`."""

    name: str
    folder: Path
    aws: Mapping[str, Any]  # content of aws.yml; numbers and booleans are texts
    needs: list[str]  # names of the slices that it needs
    http: Mapping[str, Mapping[str, Any]]  # its API functions, by name


_are_slices_hidden = ContextVar("_are_slices_hidden", default=False)


def enabled_manifests() -> tuple[SliceManifest, ...]:
    """Return the enabled slices, in order.

    Raises:
        CommandError: a slice is missing, needs a slice that is not listed before it, or has an invalid aws.yml.
    """
    return () if _are_slices_hidden.get() else read_manifests(enabled_slices.FOLDER)


@cache
def read_manifests(folder: Path) -> tuple[SliceManifest, ...]:
    """Read the enabled slices of a folder; see `enabled_manifests`."""
    manifests: dict[str, SliceManifest] = {}
    for name in enabled_slices.names(folder):
        if name in manifests:
            raise CommandError(f"`slices/enabled.txt` lists `{name}` twice. Remove one of the lines.")
        if not (folder / name).is_dir():
            raise CommandError(
                f"`slices/enabled.txt` lists `{name}`, but there is no folder slices/{name}. Remove the line, or "
                "restore the folder."
            )
        aws = _read_yaml(folder / name / "aws.yml")
        manifests[name] = SliceManifest(name, folder / name, aws, aws.get("needs") or [], aws.get("http") or {})
        for needed in manifests[name].needs:
            if not (folder / needed).is_dir():
                raise CommandError(
                    f"slices/{name}/aws.yml: needs: there is no folder slices/{needed}. Correct the name, or remove it."
                )
            if needed not in manifests:
                raise CommandError(
                    f"`{name}` needs `{needed}`, which `slices/enabled.txt` does not list before it. Add it above "
                    f"`{name}`, or remove `{name}`."
                )
    return tuple(manifests.values())


def _read_yaml(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8") if file.exists() else "{}", yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise CommandError(f"slices/{file.parent.name}/{file.name}: {error}") from None
    if not isinstance(content, dict):
        raise CommandError(
            f"slices/{file.parent.name}/{file.name} is not a mapping. Write the keys that slices/README.md lists."
        )
    return content


def endpoints() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and declaration of each API function of slices, in the order of the slices."""
    for manifest in enabled_manifests():
        yield from manifest.http.items()


def check() -> None:
    """Check that the enabled slices can be used.

    Raises:
        CommandError: see `enabled_manifests`; or `commands.py` or `statements.py` of a slice is invalid.
    """
    enabled_manifests()
    try:
        enabled_slices.collect("commands", "COMMANDS")
        enabled_slices.statements()
    except (ImportError, AttributeError, OSError, ValueError) as error:
        raise CommandError(f"{error}. Correct the slice.") from None


@contextmanager
def without_slices() -> Iterator[None]:
    """Hide all slices, so that the documents outside slices/ do not depend on them."""
    token = _are_slices_hidden.set(True)
    try:
        yield
    finally:
        _are_slices_hidden.reset(token)


if __name__ == "__main__":  # run by make before targets that need the slices
    try:
        check()
    except CommandError as error:
        sys.exit(str(error))
