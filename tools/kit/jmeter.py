"""JMeter and Java on this machine."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.kit.local_stack import STATE

VERSION = "5.6.3"  # version that Maven fetches; loadtest/pom.xml has the same
HOME = STATE / f"apache-jmeter-{VERSION}"  # folder to which Maven fetches it
MIN_JAVA_VERSION = 17
_MIN_VERSION = (5, 6)  # older ones cannot read the test plans


def java_path() -> str | None:
    """Return the path of the `java` program, from JAVA_HOME or PATH; None if there is none."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which(str(Path(home) / "bin" / "java") if home else "java")


def java_version(path: str) -> int:
    """Return the major version of a `java` program, 8 for 1.8; 0 if it prints none."""
    return next(iter(_version([path, "-version"], r'version "(?:1\.)?(\d+)')), 0)


def installed_path() -> str | None:
    """Return the path of the installed JMeter; None if there is none, or if it is too old for the test plans."""
    path = shutil.which("jmeter")
    if path and _version([path, "--version", "-j", os.devnull], r"\b(\d+)\.(\d+)(?:\.\d+)?\s*$") >= _MIN_VERSION:
        return path
    return None


def marker(home: Path) -> Path:
    """Return the folder whose existence shows that JMeter was fetched completely.

    JMeter prints a warning if it is missing, so the fetch creates it, as its last step.
    """
    return home / "lib" / "junit"


def is_available(home: Path = HOME) -> bool:
    """Return whether this machine has Java in a sufficient version, and either JMeter or Maven to fetch it."""
    path = java_path()
    if path is None or java_version(path) < MIN_JAVA_VERSION:
        return False
    return bool(marker(home).exists() or shutil.which("mvn") or installed_path())


def _version(command: Sequence[str], pattern: str) -> tuple[int, ...]:
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    except OSError:  # for example a program for another architecture
        return ()
    match = re.search(pattern, result.stdout, re.MULTILINE)
    return tuple(map(int, match.groups())) if match else ()
