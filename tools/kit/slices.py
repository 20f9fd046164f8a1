"""The enabled slices, and what commands need of their `aws.yml`, which resources/slices.js reads for osls."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from slices import enabled
from tools.kit.errors import CommandError


class SliceManifest(NamedTuple):
    """What the `aws.yml` of an enabled slice declares."""

    name: str
    folder: Path
    aws: Mapping[str, Any]  # its aws.yml, numbers and booleans as texts

    @property
    def needs(self) -> list[str]:
        """The names of the slices that it needs."""
        return self.aws.get("needs") or []

    @property
    def http(self) -> Mapping[str, Mapping[str, Any]]:
        """Its functions of the API, by their names."""
        return self.aws.get("http") or {}


_are_absent = ContextVar("_are_absent", default=False)


def installed() -> tuple[SliceManifest, ...]:
    """Return the enabled slices, in order.

    Raises:
        CommandError: one is not there, or needs one that is not listed before it, or its aws.yml is no YAML.
    """
    return () if _are_absent.get() else read(enabled.FOLDER)


@cache
def read(folder: Path) -> tuple[SliceManifest, ...]:
    """Read the slices of a folder; see `installed`."""
    found: dict[str, SliceManifest] = {}
    for name in enabled.names(folder):
        if not (folder / name).is_dir():
            raise CommandError(
                f"`slices/enabled.txt` lists `{name}`, but there is no folder slices/{name}. Remove the line, or "
                "restore the folder."
            )
        each = SliceManifest(name, folder / name, _parse(folder / name / "aws.yml"))
        for other in each.needs:
            if other not in found:
                raise CommandError(
                    f"`{name}` needs `{other}`, which `slices/enabled.txt` does not list before it. Add it above "
                    f"`{name}`, or remove `{name}`."
                )
        found[name] = each
    return tuple(found.values())


def _parse(file: Path) -> Mapping[str, Any]:
    where = f"slices/{file.parent.name}/{file.name}"
    if not file.exists():
        return {}
    try:
        keys = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
    except yaml.YAMLError as error:
        raise CommandError(f"{where}: {error}") from None
    if not isinstance(keys, dict):
        raise CommandError(f"{where} has no keys. Write those that slices/README.md lists.")
    return keys


def endpoints() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the entry of each function of the API, in the order of the slices."""
    for each in installed():
        yield from each.http.items()


def check() -> None:
    """Check that the enabled slices can be used.

    Raises:
        CommandError: see `installed`; or a `slice.py` cannot be imported.
    """
    installed()
    try:
        enabled.load()
    except (ImportError, AttributeError) as error:
        raise CommandError(
            f"a slice that `slices/enabled.txt` lists cannot be imported: {error}. Correct it."
        ) from None


@contextmanager
def absent() -> Iterator[None]:
    """Let it look as if there were no slice: what the reference's documents say does not change with a folder."""
    token = _are_absent.set(True)
    try:
        yield
    finally:
        _are_absent.reset(token)


def main() -> int:
    """Print what is wrong with the slices, if anything; for make, before it runs what needs them."""
    try:
        check()
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
