"""No file outside a slice's folder names the slice, so that its folder can be deleted without other changes."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from slices import enabled
from tools.kit import parameters, slices
from tools.kit.project import ROOT

FOLDERS = ("ponto", "resources", "tools", "loadtest", "lab", "tests", "docs", ".github", ".ci")
EXCEPTIONS = (
    "CHANGELOG.md",  # also describes changes of slices
    # The generator generates files of the slices that a copy can keep.
    *("tools/new/", "tools/tests/new/"),  # only in the reference
)


def files() -> Iterator[Path]:
    yield from (path for path in ROOT.glob("*") if path.is_file() and path.suffix in {".md", ".py", ".yml", ".toml"})
    yield ROOT / "slices" / "README.md"
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def patterns(each: slices.SliceManifest, folders: str = "slices") -> Iterator[str]:
    """Yield patterns of a slice's names: its path, module, commands, functions, parameters, roles and tables."""
    yield rf"\b{folders}[./]{each.name}\b"
    for command in enabled.load()[each.name].commands():
        yield rf"(?<!from )(?<!\.)\bponto {command}\b"
        words = ", ".join(f'"{word}"' for word in command.split())
        yield rf"\brun\w*\((capsys, )?{words}"
    for name, entry in each.http.items():
        yield rf"\b{name.capitalize()}(LambdaFunction|Role|Secret|LogGroup|Policy)\b"
        yield rf"\b{entry['role']}\b"
    for parameter, declaration in parameters.slice_declarations(each).items():
        if "reserves" in declaration:
            yield rf"(?i:\b{declaration['reserves']}(LambdaFunction|Role|LogGroup)?\b)"
        # Only with the syntax of a parameter, because some names are English words.
        yield rf"`{parameter}`|param:{parameter}\b|parameters\.js\):{parameter}\b|\b{parameter}=|^\s+{parameter}:"
    for path in each.folder.glob("schema/*.sql"):
        for table in re.findall(r"^create table ponto\.([a-z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield rf"\b{table}\b"


def find_names(each: slices.SliceManifest) -> list[str]:
    """Return the places outside its folder that name a slice, as file, line and text."""
    pattern = re.compile("|".join(patterns(each)), re.MULTILINE)
    places = []
    for path in files():
        name = str(path.relative_to(ROOT))
        if not name.startswith(EXCEPTIONS) and path.suffix not in {".gif", ".png", ".pem"}:
            text = path.read_text(encoding="utf-8")
            places += [
                f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}"
                for match in pattern.finditer(text)
            ]
    return places


def test_no_slice_is_named_outside_its_folder() -> None:
    assert sorted(chain.from_iterable(find_names(each) for each in slices.enabled_manifests())) == []
