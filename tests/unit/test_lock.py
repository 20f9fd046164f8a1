"""The lock files: they have the required versions with hashes, and the packages that the modules import."""

import ast
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tools.develop.lock import LOCKS, REQUIREMENTS
from tools.kit.project import ROOT

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([^\s;#]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

with_each_file = pytest.mark.parametrize("name", REQUIREMENTS)


def pins(text: str) -> set[tuple[str, str]]:
    """Return the names and versions that a file pins."""
    return {(normalize(name), version) for name, version in _PIN.findall(text)}


def normalize(name: str) -> str:
    """Return the normalized name of a package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(name: str) -> str:
    """Return the content of a requirements file, with that of the files that it includes."""
    text = (ROOT / name).read_text()
    return text + "".join(read_requirements(other) for other in re.findall(r"^-r (\S+)$", text, re.MULTILINE))


@with_each_file
def test_lock_has_the_required_versions(name: str) -> None:
    assert pins(read_requirements(name)) - pins((LOCKS / name).read_text()) == set(), "run make lock"


@with_each_file
def test_every_package_of_a_lock_has_its_hashes(name: str) -> None:
    packages = re.split(r"^(?=[a-z0-9])", (LOCKS / name).read_text(), flags=re.MULTILINE)[1:]

    assert len(packages) >= len(pins(read_requirements(name)))
    assert [package.partition("\n")[0] for package in packages if not _PIN.match(package)] == []
    assert [package.partition(" ")[0] for package in packages if not _HASH.search(package)] == []


def test_function_is_packaged_from_the_lock() -> None:
    assert "fileName: locks/requirements.txt" in (ROOT / "serverless.yml").read_text()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-tools.txt", "requirements-run.txt"])
def test_sets_of_one_environment_have_the_same_versions(name: str) -> None:
    assert pins((LOCKS / name).read_text()) <= pins((LOCKS / "requirements-dev.txt").read_text())


@pytest.mark.parametrize(
    ("name", "folders"), [("tools", ["ponto", "slices", "tools"]), ("run", ["tools/local", "lab", "loadtest"])]
)
def test_set_has_what_its_modules_import(name: str, folders: list[str]) -> None:
    locked = {package for package, _ in pins((LOCKS / f"requirements-{name}.txt").read_text())}
    folders_of_other_sets = {"bench", "develop", "lab", "local", "tests"}
    imported = {
        module.partition(".")[0]
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not folders_of_other_sets & {*path.relative_to(ROOT / folder).parts}
        for module in imports(path)
    }

    distributions = packages_distributions()
    needed = {normalize(distributions[module][0]) for module in imported & distributions.keys()}
    missing = needed - locked - {"batida-ponto-serverless"}
    assert "click" in needed
    assert {package for package in missing if not package.startswith("types-")} == set()


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, also inside functions."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
