"""The version where no code can look it up: in Node's files, which have it below the project's name."""

import re
from pathlib import Path

from ponto import __version__
from tools.kit.project import ROOT

_FILES = {ROOT / "package.json": 1, ROOT / "package-lock.json": 2}  # how often it stands there, before any package's


def files(version: str = __version__) -> dict[Path, str]:
    """Return the text of the files that have the version, by path."""
    return {
        path: re.sub('"version": ".*"', f'"version": "{version}"', path.read_text(encoding="utf-8"), count=times)
        for path, times in _FILES.items()
    }
