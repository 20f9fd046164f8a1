"""What `make test` says first: what is missing on this machine, how to get it, and what is not tested without it."""

import os
import shutil
import sys

from tools.develop import chromium
from tools.kit import jmeter


def lines(system: str) -> list[str]:
    """Say it in three lines; in two where nobody knows how this system installs; in none where nothing is missing.

    Args:
        system: as `sys.platform` names it.
    """
    missing = []
    if chromium.path() is None:
        missing.append(("Chromium", "chromium", "the employees' page, printed reports"))
    if not jmeter.is_to_be_had():
        missing.append((f"Java {jmeter.OLDEST_JAVA} with Maven", "maven", "the load test"))
    for program, tests_of_it in (("git", "the adapted copy"), ("curl", "the command that make run prints")):
        if shutil.which(program) is None:
            missing.append((program, program, tests_of_it))
    if not missing:
        return []
    programs, packages, tests = zip(*missing, strict=True)
    install = _install(system)
    return [
        f"missing here:       {', '.join(programs)}",
        *([f"to get it:          {install} {' '.join(packages)}"] if install else []),
        f"not tested without: {', '.join(tests)}",
    ]


def _install(system: str) -> str | None:
    if system == "darwin":
        return "brew install"
    if shutil.which("apt-get") is None:
        return None
    return "apt-get install" if os.geteuid() == 0 else "sudo apt-get install"


if __name__ == "__main__":
    for line in lines(sys.platform):
        sys.stdout.write(f"{line}\n")
