"""The version where no code can look it up: in Node's files, which have it below the project's name."""

import re
from pathlib import Path

from ponto import __version__
from tools.kit.project import ROOT

_FILES = {ROOT / "package.json": 1, ROOT / "package-lock.json": 2}  # how often it stands there, before any package's


def files() -> dict[Path, str]:
    """Give the files that have the version, with that of `ponto/__init__.py`."""
    return {
        path: re.sub('"version": ".*"', f'"version": "{__version__}"', path.read_text(encoding="utf-8"), count=times)
        for path, times in _FILES.items()
    }
