"""Links in documents: their targets exist, even if all slices are deleted."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.documents import FENCE
from tools.kit.project import DOCUMENTS, ROOT

TABLE_OF_SLICES = re.compile(r"<!-- from \S*\*/.*?<!-- end -->", re.DOTALL)  # `make docs` takes deleted slices out
SLICES = [path for path in (ROOT / "slices").iterdir() if path.is_dir()]


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


@cache
def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub creates for a document's headings."""
    slugs: set[str] = set()
    for title in re.findall(r"^#{1,6} (.+)$", prose(document), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"`|\[(.*?)\]\(.*?\)", r"\1", title).lower()).replace(" ", "-")
        slugs.add(slug)
    return slugs


def links(document: Path) -> list[str]:
    """Return the targets of a document's links and pictures."""
    text = prose(document)
    pictures = re.findall(r'<img src="([^"]+)"', text)
    return [*re.findall(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)\)", text), *pictures]


@pytest.mark.parametrize("deleted", [[], SLICES], ids=["with slices", "without slices"])
def test_links_lead_to_a_file_and_a_heading(deleted: list[Path]) -> None:
    broken = []
    for document in DOCUMENTS:
        tables = "".join(TABLE_OF_SLICES.findall(document.read_text(encoding="utf-8")))
        for link in links(document) if not any(map(document.is_relative_to, deleted)) else []:
            path, _, anchor = unquote(link).partition("#")
            target = (document.parent / path).resolve() if path else document
            exists = link.startswith("https://") or (
                target.exists()
                and (f"({link})" in tables or not any(map(target.is_relative_to, deleted)))
                and (not anchor or target.suffix != ".md" or anchor in anchors(target))
            )
            if not exists:
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert broken == []
