"""`make lock`: write the lock files, with versions and hashes of all packages."""

import os
import subprocess
import sys
from itertools import product

from tools.kit.install import uv_environment
from tools.kit.project import ROOT

# Requirements of each lock. One environment may have the first five, so `dev` determines their versions.
_LOCKS = {
    "dev": ["requirements.txt", "--group", "dev"],
    "run": ["requirements.txt", "--group", "run", "-c", "locks/dev.txt"],
    "tools": ["requirements.txt", "--group", "tools", "-c", "locks/dev.txt"],
    "node": ["--group", "node", "-c", "locks/dev.txt"],
    "requirements": ["requirements.txt", "-c", "locks/dev.txt"],
    "uv": ["--group", "uv"],
    "audit": ["--group", "audit"],
    "sbom": ["--group", "sbom"],
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_GLIBCS = {"run": "2_28", "dev": "2_34", "audit": "2_34"}
"""Oldest glibc of the locks whose wheels are checked; the others are parts of them."""


def main() -> int:
    """Write locks/: the packages of requirements.txt and of the groups of pyproject.toml, and their dependencies.

    A lock has versions and hashes, and is valid for all Python versions and systems that the README names: each package
    must have a wheel for all of them in the registry, so that nothing has to be compiled.
    """
    for name, requirements in _LOCKS.items():
        file = f"locks/{name}.txt"
        options = ["--universal", "--python-version", PYTHONS[0], "--generate-hashes"]
        if not _compile(*requirements, "-o", file, *options, "--custom-compile-command", "make lock"):
            return 1
        glibc = _GLIBCS.get(name)
        systems = (f"x86_64-manylinux_{glibc}", f"aarch64-manylinux_{glibc}", "aarch64-apple-darwin") if glibc else ()
        for system, python in product(systems, PYTHONS):
            options = ["--python-version", python, "--python-platform", system, "--only-binary", ":all:"]
            if not _compile(*requirements, "-o", os.devnull, "-c", file, *options):
                sys.stderr.write(f"make lock: not every package has a wheel for Python {python} on {system}\n")
                return 1
    return 0


def _compile(*words: str) -> bool:
    pip_config = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    command = ["uv", "pip", "compile", "--quiet", *words]
    return subprocess.run(command, cwd=ROOT, env=uv_environment(pip_config, os.environ), check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
