"""Each file of the folders `examples` runs on the deployed system."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
from tools.kit import slice_manifests
from tools.kit.project import ROOT

FOLDERS = [ROOT / "examples", *(manifest.folder / "examples" for manifest in slice_manifests.enabled_manifests())]
FILES = [path for folder in FOLDERS for path in sorted(folder.glob("*.*")) if path.suffix in {".py", ".sh", ".sql"}]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_example_runs(file: Path, deployed: Deployed, client: Client) -> None:
    if file.suffix == ".sql":
        client.query(file.read_text(encoding="utf-8"))
        return
    program = sys.executable if file.suffix == ".py" else "sh"
    variables = {"PONTO_STATE": str(deployed.state), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    run = subprocess.run(
        [program, file], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
