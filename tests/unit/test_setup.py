"""What `make` says where the machine lacks something."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.kit.project import ROOT


def test_an_interpreter_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("locks/requirements-dev.txt", "pyproject.toml", "package.json", "package-lock.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()

    done = subprocess.run(
        ["make", "PYTHON=python9.9", "run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},  # nothing of the make that runs the tests
        capture_output=True,
        text=True,
        check=False,
    )

    said, of_make = done.stderr.splitlines()
    assert said == "python9.9 is not installed. Name a Python of 3.11 or newer: make PYTHON=python3.13 run"
    assert of_make.startswith("make: ***")
    assert done.stdout == ""
    assert not (tmp_path / ".venv").exists()
