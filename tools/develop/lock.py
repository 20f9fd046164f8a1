"""`make lock`: write the lock files, with versions and hashes of all packages."""

import os
import subprocess
import sys
from collections.abc import Sequence

from tools.develop.install import uv_settings
from tools.kit import commands
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

LOCKS = ROOT / "locks"

_PARTS_OF_DEV = ("", "-node", "-tools", "-run")
"""Parts of requirements-dev.txt. One environment may have all of them, so its lock determines their versions."""
_SEPARATE = (
    "-uv",
    "-audit",
    "-mutants",  # only in the reference
)
REQUIREMENTS = tuple(f"requirements{part}.txt" for part in ("-dev", *_PARTS_OF_DEV, *_SEPARATE))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
AUDIT_SYSTEMS = ("x86_64-manylinux_2_34", "aarch64-manylinux_2_34", "aarch64-apple-darwin")
"""A newer glibc, as cloudformation-validate needs it. Only `make check` and `make test` use this set."""

_UV = ROOT / ".venv-uv" / "bin" / "uv"


_EPILOG = """example:
  make lock

exit status: 0 written, 1 a package is not available for one of the Python versions or systems
"""


@commands.command(epilog=_EPILOG)
def lock() -> int:
    """Write locks/: the packages of requirements*.txt and their dependencies, with versions and hashes.

    A lock is valid for all Python versions and systems that the README names. Checks in the registry that each package
    has a wheel for all of them, so that nothing has to be compiled.
    """
    LOCKS.mkdir(exist_ok=True)
    for name in REQUIREMENTS:
        lock_file = str(LOCKS / name)
        sys.stdout.write(f"locks/{name}\n")
        options = ["--universal", "--python-version", PYTHONS[0], "--generate-hashes"]
        if name in [f"requirements{part}.txt" for part in _PARTS_OF_DEV]:
            options += ["-c", "locks/requirements-dev.txt"]
        if not _compile(name, "-o", lock_file, *options, "--custom-compile-command", "make lock"):
            return 1
        for python in PYTHONS:
            for system in AUDIT_SYSTEMS if name == "requirements-audit.txt" else SYSTEMS:
                wheel_options = ["--python-version", python, "--python-platform", system, "--only-binary", ":all:"]
                if not _compile(name, "-o", "/dev/null", "-c", lock_file, *wheel_options):
                    sys.stderr.write(f"make lock: not every package has a wheel for Python {python} on {system}\n")
                    return 1
    return 0


def _compile(name: str, *options: str) -> bool:
    if not _UV.exists():
        raise CommandError("uv, which writes the locks, is not in .venv-uv. Run `make clean lock` to install it.")
    pip_config = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    variables, index_options = uv_settings(pip_config, os.environ)
    command = [str(_UV), "pip", "compile", "--quiet", name, *index_options, *options]
    return subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False).returncode == 0


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(lock, "make lock", words)


if __name__ == "__main__":
    sys.exit(main())
