"""Statement that reads notes; its SQL is in `reads/`."""

from pathlib import Path
from typing import NamedTuple

from ponto.read.statements import Catalogue


class NoteRow(NamedTuple):
    """A note."""

    id: int
    texto: str


STATEMENTS = Catalogue(Path(__file__).parent / "reads")
NOTES = STATEMENTS.add("notes", NoteRow)
