"""Declarations and values of the stages' parameters. For osls, resources/parameters.js reads the same files."""

from pathlib import Path
from typing import Any

import yaml

from tools.kit import slice_manifests
from tools.kit.project import ROOT

_FILE = ROOT / "resources" / "parameters.yml"
_API_FUNCTIONS_FILE = ROOT / "resources" / "lib" / "api-functions.yml"


def declarations() -> dict[str, dict[str, Any]]:
    """Return the declaration of each parameter by name, the base's first; numbers and booleans are strings."""
    declared: dict[str, dict[str, Any]] = _texts(_FILE)["parameters"]
    for manifest in slice_manifests.enabled_manifests():
        declared |= slice_declarations(manifest)
    return declared


def slice_declarations(manifest: slice_manifests.SliceManifest) -> dict[str, dict[str, Any]]:
    """Return the declarations of a slice's parameters, including those of its API functions."""
    declared: dict[str, dict[str, Any]] = dict(manifest.aws.get("parameters") or {})
    for name in manifest.http:
        for suffix, declaration in _texts(_API_FUNCTIONS_FILE)["parameters"].items():
            declared[name + suffix] = declaration | declared.get(name + suffix, {})
    return declared


def defaults() -> dict[str, Any]:
    """Return the default of each parameter, as a string."""
    return {name: declaration["default"] for name, declaration in declarations().items()}


def local_values() -> dict[str, str]:
    """Return the values that `make run` uses instead of the defaults."""
    return {name: declaration["local"] for name, declaration in declarations().items() if "local" in declaration}


def stages() -> dict[str, dict[str, Any]]:
    """Return the values of each stage that differ from the defaults, as strings; none if osls refuses the section."""
    sections = _texts(_FILE).items()
    return {name: values if isinstance(values, dict) else {} for name, values in sections if name != "parameters"}


def _texts(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
