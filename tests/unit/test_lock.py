"""The locks hold what the requirements name, and nothing without a hash."""

import re
from pathlib import Path

import pytest

from tools.develop.lock import LOCKS, REQUIREMENTS
from tools.kit.project import ROOT

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([^\s;#]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

each_file = pytest.mark.parametrize("name", REQUIREMENTS)


def pins(text: str) -> set[tuple[str, str]]:
    """The names, as they are normalised, and versions that a file pins."""
    return {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in _PIN.findall(text)}


def required(name: str) -> str:
    """A file of requirements, with those that it includes."""
    text = (ROOT / name).read_text()
    return text + "".join(required(other) for other in re.findall(r"^-r (\S+)$", text, re.MULTILINE))


@each_file
def test_a_lock_has_the_versions_that_are_required(name: str) -> None:
    assert pins(required(name)) - pins((LOCKS / name).read_text()) == set(), "make lock writes it anew"


@each_file
def test_every_package_of_a_lock_has_its_hashes(name: str) -> None:
    packages = re.split(r"^(?=[a-z0-9])", (LOCKS / name).read_text(), flags=re.MULTILINE)[1:]

    assert len(packages) >= len(pins(required(name)))
    assert [package.partition("\n")[0] for package in packages if not _PIN.match(package)] == []
    assert [package.partition(" ")[0] for package in packages if not _HASH.search(package)] == []


def test_setup_and_the_function_install_what_is_locked() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installed = re.findall(r"\$\(PIP\) (.*)", makefile)

    assert installed
    assert re.findall(".*pip install", makefile) == ["PIP := -m pip install"]
    others = [arguments for arguments in installed if "--require-hashes -r locks/" not in arguments]
    assert all("--no-deps --no-build-isolation --editable ." in arguments for arguments in others), others
    assert "fileName: locks/requirements.txt" in (ROOT / "serverless.yml").read_text()


def test_the_same_packages_are_locked_at_one_version_everywhere() -> None:
    deployed = pins((LOCKS / "requirements.txt").read_text())

    assert deployed <= pins((LOCKS / "requirements-dev.txt").read_text())


def test_the_locks_folder_holds_the_locks_only() -> None:
    assert {path.name for path in Path(LOCKS).iterdir()} == set(REQUIREMENTS)
