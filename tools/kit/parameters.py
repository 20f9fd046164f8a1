"""Declarations of the stages' parameters and their values, which resources/parameters.js reads for osls."""

from pathlib import Path
from typing import Any

import yaml

from tools.kit import slices
from tools.kit.project import ROOT

_FILE = ROOT / "resources" / "parameters.yml"


def declarations() -> dict[str, dict[str, Any]]:
    """Return the declaration of each parameter, the reference's first, with numbers and booleans as texts."""
    declared: dict[str, dict[str, Any]] = _texts(_FILE)["parameters"]
    for each in slices.installed():
        declared |= _texts(each.folder / "slice.yml").get("parameters") or {}
    return declared


def defaults() -> dict[str, Any]:
    """Return the default of each parameter, as a text."""
    return {name: declaration["default"] for name, declaration in declarations().items()}


def stages() -> dict[str, dict[str, Any]]:
    """Return the values that each stage has instead of defaults, as texts."""
    return {stage: values or {} for stage, values in _texts(_FILE).items() if stage != "parameters"}


def _texts(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
