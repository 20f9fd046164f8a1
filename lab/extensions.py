"""What the folders `lab` of the enabled slices add to the laboratory."""

from importlib import import_module
from typing import Any

from slices import enabled


def collect(module: str, name: str) -> dict[str, Any]:
    """Return what `lab/MODULE.py` of each slice that has it defines under a name, merged."""
    merged: dict[str, Any] = {}
    for each in enabled.names():
        if (enabled.FOLDER / each / "lab" / f"{module}.py").exists():
            merged |= getattr(import_module(f"slices.{each}.lab.{module}"), name, {})
    return merged
