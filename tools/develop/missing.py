"""What `make test` says first: what is missing on this machine, how to get it, and what is not tested without it."""

import os
import shutil
import sys
from pathlib import Path

from tools.develop import chromium
from tools.kit import jmeter


def lines(system: str, *, is_root: bool, jmeter_home: Path = jmeter.HOME) -> list[str]:
    """Say it in three lines; in two where nobody knows how this system installs; in none where nothing is missing.

    Args:
        system: as `sys.platform` names it.
        is_root: whether the user is root.
        jmeter_home: where a fetched JMeter is.
    """
    missing = []
    if chromium.path() is None:
        missing.append(("Chromium", "chromium", "the employees' page, printed reports"))
    if not jmeter.is_to_be_had(jmeter_home):
        missing.append((f"Java {jmeter.OLDEST_JAVA} with Maven", "maven", "the load test"))
    for program, tests_of_it in (("git", "the adapted copy"), ("curl", "the command that make run prints")):
        if shutil.which(program) is None:
            missing.append((program, program, tests_of_it))
    if not missing:
        return []
    programs, packages, tests = zip(*missing, strict=True)
    install = _install(system, is_root=is_root)
    return [
        f"missing here:       {', '.join(programs)}",
        *([f"to get it:          {install} {' '.join(packages)}"] if install else []),
        f"not tested without: {', '.join(tests)}",
    ]


def _install(system: str, *, is_root: bool) -> str | None:
    if system == "darwin":
        return "brew install"
    if shutil.which("apt-get") is None:
        return None
    return "apt-get install" if is_root else "sudo apt-get install"


if __name__ == "__main__":
    for line in lines(sys.platform, is_root=os.geteuid() == 0):
        sys.stdout.write(f"{line}\n")
