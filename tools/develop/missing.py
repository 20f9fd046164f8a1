"""List of the programs that tests need and this machine lacks; `make test` prints it first."""

import shutil
import sys
from pathlib import Path

from tools.develop import chromium
from tools.kit import jmeter


def describe(jmeter_home: Path = jmeter.HOME) -> str:
    """Return a line with the packages that some tests need and this machine lacks; empty if there are none.

    Args:
        jmeter_home: folder of a fetched JMeter.
    """
    packages = [name for name in ("git", "curl") if shutil.which(name) is None]
    if chromium.path() is None:
        packages.append("chromium")
    if not jmeter.is_available(jmeter_home):
        packages.append("maven")
    return f"some tests will be skipped; to run them, install {', '.join(packages)}\n" if packages else ""


if __name__ == "__main__":
    sys.stdout.write(describe())
