"""Where the project is, and which documents it has."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(path for folder in ("docs", "slices", "lab", "loadtest") for path in sorted((ROOT / folder).rglob("*.md"))),
]
