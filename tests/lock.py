"""`make lock`: writes locks/, each package of requirements*.txt and all that they need, with versions and hashes.

One lock serves every Python and system that the README names. That each package has a wheel for all of them, so that
nothing is compiled on anybody's machine, is asked of the registry first.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "locks"

REQUIREMENTS = ("requirements.txt", "requirements-tools.txt", "requirements-dev.txt", "requirements-audit.txt")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")

_UV = ROOT / ".venv-audit" / "bin" / "uv"


def main() -> int:
    """Write the locks; the exit status is 1 when a package cannot be had for one of the Pythons or systems."""
    argparse.ArgumentParser(prog="python -m tests.lock", description=__doc__).parse_args()
    LOCKS.mkdir(exist_ok=True)
    for name in REQUIREMENTS:
        lock = str(LOCKS / name)
        sys.stdout.write(f"locks/{name}\n")
        options = ["--universal", "--python-version", PYTHONS[0], "--generate-hashes"]
        if not _compile(name, "-o", lock, *options, "--custom-compile-command", "make lock"):
            return 1
        for python in PYTHONS:
            for system in SYSTEMS:
                wheels = ["--python-version", python, "--python-platform", system, "--only-binary", ":all:"]
                if not _compile(name, "-o", "/dev/null", "-c", lock, *wheels):
                    sys.stderr.write(f"make lock: not every package has a wheel for Python {python} on {system}\n")
                    return 1
    return 0


def _compile(name: str, *options: str) -> bool:
    command = [str(_UV), "pip", "compile", "--quiet", name, *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
