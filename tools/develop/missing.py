"""What `make test` says first: what is missing on this machine, how to get it, and what is not tested without it."""

import os
import shutil
import sys
from typing import NamedTuple

from tools.develop import chromium
from tools.kit import jmeter


class Missing(NamedTuple):
    program: str
    package: str
    tests: str  # that are skipped


def look() -> list[Missing]:
    """Find what the tests would use, and this machine does not have."""
    found = []
    if chromium.path() is None:
        found.append(Missing("Chromium", "chromium", "the employees' page, printed reports"))
    if not jmeter.is_to_be_had():
        found.append(Missing(f"Java {jmeter.OLDEST_JAVA} with Maven", "maven", "the load test"))
    return found


def lines(missing: list[Missing], system: str) -> list[str]:
    """Say it in three lines; in two where nobody knows how this system installs; in none where nothing is missing.

    Args:
        missing: what `look` found.
        system: as `sys.platform` names it.
    """
    if not missing:
        return []
    packages, install = " ".join(each.package for each in missing), _install(system)
    return [
        f"missing here:       {', '.join(each.program for each in missing)}",
        *([f"to get it:          {install} {packages}"] if install else []),
        f"not tested without: {', '.join(each.tests for each in missing)}",
    ]


def _install(system: str) -> str | None:
    if system == "darwin":
        return "brew install"
    if shutil.which("apt-get") is None:
        return None
    return "apt-get install" if os.geteuid() == 0 else "sudo apt-get install"


if __name__ == "__main__":
    for line in lines(look(), sys.platform):
        sys.stdout.write(f"{line}\n")
