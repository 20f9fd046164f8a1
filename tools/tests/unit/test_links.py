"""Links and file names in documents: their targets exist, even if slices are deleted."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.documents import heading_anchors, links, prose
from tools.kit import slices
from tools.kit.project import DOCUMENTS, ROOT

FILE_NAME = re.compile(r"`((?:ponto|resources|slices|tests|tools|docs|lab|loadtest|web)/[\w./-]+\.\w+)(?:::\w+)?`")

anchors = cache(heading_anchors)


def dependents(name: str) -> set[str]:
    """Return the names of a slice and of the slices that need it."""
    deleted = {name}
    for manifest in slices.enabled_manifests():  # a slice comes after those that it needs
        if deleted & set(manifest.needs):
            deleted.add(manifest.name)
    return deleted


NAMES = [manifest.name for manifest in slices.enabled_manifests()]
DELETED = {"none": set[str](), **{name: dependents(name) for name in NAMES}, "all": set(NAMES)}


@cache
def targets(document: Path) -> list[tuple[str, Path, str]]:
    """Return the project's files that a document links to or names, as text, path and anchor."""
    files = [(name, ROOT / name, "") for name in FILE_NAME.findall(prose(document))]
    for link in links(document):
        if not link.startswith("https://"):
            path, _, anchor = unquote(link).partition("#")
            files.append((link, (document.parent / path).resolve() if path else document, anchor))
    return files


@pytest.mark.parametrize("deleted", DELETED.values(), ids=DELETED)
def test_links_and_named_files_exist_without(deleted: set[str]) -> None:
    folders = [ROOT / "slices" / name for name in deleted]

    def exists(path: Path) -> bool:
        return path.exists() and not any(path.is_relative_to(folder) for folder in folders)

    broken = [
        f"{document.relative_to(ROOT)}: {text}"
        for document in filter(exists, DOCUMENTS)
        for text, path, anchor in targets(document)
        if not exists(path) or (anchor and path.suffix == ".md" and anchor not in anchors(path))
    ]
    assert broken == []
