"""Tables of the enabled slices for documents outside their folders, from the slices' READMEs."""

import re

from tools.develop.docs.tables import table
from tools.kit import slice_manifests
from tools.kit.project import ROOT

_FIRST_SENTENCE = re.compile(r"\A# [^\n]*\n\n(.*?\.)\s", re.DOTALL)
_PORTUGUESE_SENTENCE = re.compile(r"^\*Em portugu\u00eas:\* (.*?\.)(?= <!--|$)", re.MULTILINE)
_FIRST_COMMAND = re.compile(r"\A(?:(?!```sh).*\n)*?```sh(?: aws)?\n(.*[^\\\n])\n")


def features(prefix: str) -> str:
    """Return what each slice does, and its first command; `prefix` leads from the document to `slices/`."""
    return _features(prefix, _FIRST_SENTENCE, ("slice", "what it does", "first command"))


def features_in_portuguese(prefix: str) -> str:
    """Return `features` in Portuguese."""
    return _features(prefix, _PORTUGUESE_SENTENCE, ("slice", "o que faz", "primeiro comando"))


def _features(prefix: str, sentence: re.Pattern[str], head: tuple[str, str, str]) -> str:
    rows = []
    for manifest in slice_manifests.enabled_manifests():
        text = (manifest.folder / "README.md").read_text(encoding="utf-8")
        description, command = sentence.search(text), _FIRST_COMMAND.search(text)
        rows.append(
            (
                _link(manifest.name, prefix),
                " ".join(description[1].split()) if description else "",
                f"`{re.sub(' +#.*', '', command[1])}`" if command else "",
            )
        )
    return table(head, rows) if rows else "No slice is on."


def examples() -> str:
    """Return the names of the files in the folders `examples`, for the READMEs of the project."""
    folders = [ROOT / "examples", *(manifest.folder / "examples" for manifest in slice_manifests.enabled_manifests())]
    lines = []
    for folder in folders:
        names = ", ".join(f"`{path.name}`" for path in sorted(folder.glob("*.*")))
        if names:
            path = folder.relative_to(ROOT).as_posix()
            lines.append(f"- [{path}]({path}): {names}")
    return "\n".join(lines)


def _link(slice_name: str, prefix: str) -> str:
    return f"[{slice_name}]({prefix}{slice_name}/README.md)"
