"""The project's folder and documents."""

from pathlib import Path

from slices import enabled

ROOT = Path(__file__).parents[2]

_FOLDERS = [ROOT / "docs", *(enabled.FOLDER / name for name in enabled.names()), ROOT / "lab", ROOT / "loadtest"]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "llms.txt",  # https://llmstxt.org
    enabled.FOLDER / "README.md",
    *(path for folder in _FOLDERS for path in sorted(folder.rglob("*.md"))),
]
"""The documents of the reference and of the enabled slices."""
