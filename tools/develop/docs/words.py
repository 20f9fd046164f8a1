"""How many words the documents have by folder: without the changelog, decisions, and what the code writes."""

from collections import Counter
from pathlib import Path

from tools.develop.docs import marks
from tools.kit.project import DOCUMENTS, ROOT

_LEFT_OUT = (ROOT / "CHANGELOG.md", ROOT / "docs" / "decisions")
_NOT_THE_REFERENCES = {"slices", "lab", "examples", "in Portuguese"}


def by_folder() -> dict[str, int]:
    """Give the words of each folder, `.` being the project's own, and of the reference and of all together."""
    counts: Counter[str] = Counter()
    for path in DOCUMENTS:
        if not any(map(path.is_relative_to, _LEFT_OUT)):
            counts[_folder(path)] += len(marks.by_hand(path.read_text(encoding="utf-8")).split())
    reference = sum(count for folder, count in counts.items() if folder not in _NOT_THE_REFERENCES)
    return {**counts, "the reference": reference, "together": counts.total()}


def _folder(path: Path) -> str:
    if path.name.endswith(".pt-BR.md"):
        return "in Portuguese"
    return path.relative_to(ROOT).parts[0] if path.parent != ROOT else "."
