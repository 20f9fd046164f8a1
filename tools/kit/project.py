"""The project's folder and documents."""

from pathlib import Path

from ponto import enabled_slices

ROOT = Path(__file__).parents[2]

_SLICES = [f"slices/{name}" for name in enabled_slices.names()]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "llms.txt",  # https://llmstxt.org
    enabled_slices.FOLDER / "README.md",
    *(path for folder in ("docs", *_SLICES, "lab", "loadtest") for path in sorted((ROOT / folder).rglob("*.md"))),
]
"""The documents of the base and of the enabled slices."""
