"""Compile what make check's auditors look at: each stage, with all that its parameters leave off."""

import shutil
import tempfile
from pathlib import Path

from tools.kit import slices
from tools.kit.packaging import copy_project, package
from tools.kit.project import ROOT

SWITCHES = [  # all that slices leave off
    f"{name}=true"
    for each in slices.installed()
    for name, value in (each.says.get("parameters") or {}).items()
    if value is False
]


def main() -> None:
    """Write .cache/templates/STAGE.json; it needs no AWS account."""
    compiled = ROOT / ".cache" / "templates"
    compiled.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        project = copy_project(Path(temporary) / "project")
        for stage in ("prod", "dev", "local"):
            shutil.copy(package(project, stage, *SWITCHES).template_file, compiled / f"{stage}.json")


if __name__ == "__main__":
    main()
