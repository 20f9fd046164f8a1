"""What slices bring to the laboratory: modules in their folders `lab`, which are found by their name."""

from importlib import import_module
from types import ModuleType

from tools.kit import slices


def modules(name: str) -> list[ModuleType]:
    """Import the modules `lab.NAME` of the slices that have one, each behind those of the slices that it needs."""
    return [
        import_module(f"slices.{each.name}.lab.{name}")
        for each in slices.installed()
        if (each.folder / "lab" / f"{name}.py").exists()
    ]
