"""Shared by the commands that fill a table from a file."""

import sys
from pathlib import Path

from ponto.spreadsheet import Faults
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_status


def content(file: str) -> bytes:
    """Read a file, or, if its name is -, the standard input.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None


def require_none(faults: Faults, file: str, *, as_json: bool) -> None:
    """Print what is wrong with a file.

    Raises:
        CommandError: anything is.
    """
    if not faults:
        return
    if as_json:
        print_json({"faults": [fault._asdict() for fault in faults.listed], "total": len(faults)})
    else:
        print_status(*map(str, faults.listed))
    raise CommandError(f"{file}: {faults.describe_count()}; nothing was stored")
