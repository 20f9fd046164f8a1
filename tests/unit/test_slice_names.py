"""Nothing names a slice outside its folder, so that a folder goes without a change elsewhere."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from slices import enabled
from tools.kit import parameters, slices
from tools.kit.project import ROOT

HOUSES = ("ponto", "resources", "tools", "loadtest", "lab", "tests", "docs", ".github", ".ci")
EXCEPTIONS = {"CHANGELOG.md"}  # what has changed, also of slices that are gone


def files() -> Iterator[Path]:
    yield from (path for path in ROOT.glob("*") if path.is_file() and path.suffix in {".md", ".py", ".yml", ".toml"})
    yield ROOT / "slices" / "README.md"
    for house in HOUSES:
        yield from (path for path in (ROOT / house).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def patterns(each: slices.SliceManifest, folders: str = "slices") -> Iterator[str]:
    """Give what names a slice: its path, its module, and each command, function, parameter, role and table of it."""
    yield rf"\b{folders}[./]{each.name}\b"
    for command in enabled.load()[each.name].commands():
        yield rf"(?<!from )\bponto {command}\b"
        words = ", ".join(f'"{word}"' for word in command.split())
        yield rf"\brun\w*\((capsys, )?{words}"
    for name, entry in each.http.items():
        yield rf"\b{name.capitalize()}(LambdaFunction|Role|Secret|LogGroup|Policy)\b"
        yield rf"\b{entry['role']}\b"
    for parameter, declaration in parameters.slice_declarations(each).items():
        if "reserves" in declaration:
            yield rf"(?i:\b{declaration['reserves']}(LambdaFunction|Role|LogGroup)?\b)"
        # As a parameter is named: some are words of the language.
        yield rf"`{parameter}`|param:{parameter}\b|parameters\.js\):{parameter}\b|\b{parameter}=|^\s+{parameter}:"
    for path in each.folder.glob("schema/*.sql"):
        for table in re.findall(r"^create table ponto\.([a-z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield rf"\b{table}\b"


def named(each: slices.SliceManifest) -> list[str]:
    """Give where a slice is named outside its folder, as file, line and what stands there."""
    pattern = re.compile("|".join(patterns(each)), re.MULTILINE)
    found = []
    for path in files():
        name = str(path.relative_to(ROOT))
        if name not in EXCEPTIONS and path.suffix not in {".gif", ".png", ".pem"}:
            text = path.read_text(encoding="utf-8")
            found += [
                f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}"
                for match in pattern.finditer(text)
            ]
    return found


def test_no_slice_is_named_outside_its_folder() -> None:
    assert sorted(chain.from_iterable(named(each) for each in slices.enabled_manifests())) == []
