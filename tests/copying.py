"""Runs the documented psql commands that copy rows from one database to another, without psql."""

import re
import shlex
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from tests.database import Database
from tests.documents import split_commands
from tools.kit.project import ROOT


def copy_rows(document: Path, heading: str, older: Database, new: Database, folder: Path) -> None:
    """Run the psql commands of a section: the first two on the older database, the third on the new one.

    Args:
        document: Path of the document.
        heading: Heading of the section, which has one block of commands.
        older: Database that has the rows.
        new: Database that the rows are copied to.
        folder: Folder for the exported files.
    """
    section = document.read_text(encoding="utf-8").partition(f"# {heading}\n")[2]
    (block, *_) = re.findall(r"^```sh aws\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    calls = [words for words in map(shlex.split, split_commands(block)) if words[0] == "psql"]
    columns = ",".join(name for (name,) in _psql(older, calls[0], folder))
    for database, words in zip((older, new), calls[1:], strict=True):
        _psql(database, [word.replace("$COLUMNS", columns) for word in words], folder)


def _psql(database: Database, words: Sequence[str], folder: Path) -> list[tuple[str]]:
    """Run the options -c and -f in one session and transaction; return the rows of the last statement."""
    with closing(database.connect()) as session, session, session.cursor() as cursor:
        for option, text in pairwise(words):
            if option == "-f":
                cursor.execute((ROOT / text).read_text(encoding="utf-8"))
            elif option == "-c" and text.startswith("\\copy "):
                source, direction, file = text.removeprefix("\\copy ").rsplit(" ", 2)
                stream, mode = {"to": ("stdout", "wb"), "from": ("stdin", "rb")}[direction]
                with (folder / file).open(mode) as exported:
                    cursor.copy_expert(f"copy {source} {direction} {stream}", exported)
            elif option == "-c":
                cursor.execute(text)
        return cursor.fetchall() if cursor.description else []
