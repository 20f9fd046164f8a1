"""Scenarios, mutants and benchmarks from the folders `lab` of the enabled slices."""

from importlib import import_module
from typing import Any

from slices import enabled


def collect(module: str, name: str) -> dict[str, Any]:
    """Return the dictionaries called `name` in `lab/MODULE.py` of all enabled slices, merged into one."""
    merged: dict[str, Any] = {}
    for slice_name in enabled.names():
        if (enabled.FOLDER / slice_name / "lab" / f"{module}.py").exists():
            merged |= getattr(import_module(f"slices.{slice_name}.lab.{module}"), name, {})
    return merged
