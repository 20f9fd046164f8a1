"""What documents link to and name is there, whichever slices are deleted."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.documents import heading_anchors, links, prose
from tools.kit import slices
from tools.kit.project import DOCUMENTS, ROOT

NAMED = re.compile(r"`((?:ponto|resources|slices|tests|tools|docs|lab|loadtest|web)/[\w./-]+\.\w+)(?:::\w+)?`")

anchors = cache(heading_anchors)


def dependents(name: str) -> set[str]:
    """Return a slice with those that need it."""
    gone = {name}
    for each in slices.enabled_manifests():  # after those that it needs
        if gone & set(each.needs):
            gone.add(each.name)
    return gone


NAMES = [each.name for each in slices.enabled_manifests()]
DELETED = {"none": set[str](), **{name: dependents(name) for name in NAMES}, "all": set(NAMES)}


@cache
def targets(document: Path) -> list[tuple[str, Path, str]]:
    """Return a document's links to files of the project, and the files that it names, each with path and anchor."""
    found = [(name, ROOT / name, "") for name in NAMED.findall(prose(document))]
    for link in links(document):
        if not link.startswith("https://"):
            path, _, anchor = unquote(link).partition("#")
            found.append((link, (document.parent / path).resolve() if path else document, anchor))
    return found


@pytest.mark.parametrize("deleted", DELETED.values(), ids=DELETED)
def test_links_and_named_files_are_there_without(deleted: set[str]) -> None:
    folders = [ROOT / "slices" / name for name in deleted]

    def is_there(path: Path) -> bool:
        return path.exists() and not any(path.is_relative_to(folder) for folder in folders)

    broken = [
        f"{document.relative_to(ROOT)}: {text}"
        for document in filter(is_there, DOCUMENTS)
        for text, path, anchor in targets(document)
        if not is_there(path) or (anchor and path.suffix == ".md" and anchor not in anchors(path))
    ]
    assert broken == []
