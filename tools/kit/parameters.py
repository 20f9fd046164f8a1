"""Declarations of the stages' parameters and their values, which resources/parameters.js reads for osls."""

from pathlib import Path
from typing import Any

import yaml

from tools.kit import slices
from tools.kit.project import ROOT

_FILE = ROOT / "resources" / "parameters.yml"
_HTTP_FILE = ROOT / "resources" / "http.yml"


def declarations() -> dict[str, dict[str, Any]]:
    """Return the declaration of each parameter, the reference's first, with numbers and booleans as texts."""
    declared: dict[str, dict[str, Any]] = _texts(_FILE)["parameters"]
    for each in slices.enabled_manifests():
        declared |= slice_declarations(each)
    return declared


def slice_declarations(manifest: slices.SliceManifest) -> dict[str, dict[str, Any]]:
    """Return the declarations of a slice's parameters, with those of its functions of the API."""
    declared: dict[str, dict[str, Any]] = dict(manifest.aws.get("parameters") or {})
    for name in manifest.http:
        for end, declaration in _texts(_HTTP_FILE)["parameters"].items():
            declared[name + end] = declaration | declared.get(name + end, {})
    return declared


def defaults() -> dict[str, Any]:
    """Return the default of each parameter, as a text."""
    return {name: declaration["default"] for name, declaration in declarations().items()}


def local_values() -> dict[str, str]:
    """Return the values that `make run` sets: what costs something on AWS costs nothing there."""
    return {name: each["local"] for name, each in declarations().items() if "local" in each}


def stages() -> dict[str, dict[str, Any]]:
    """Return the values that each stage has instead of defaults, as texts."""
    return {stage: values or {} for stage, values in _texts(_FILE).items() if stage != "parameters"}


def _texts(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
