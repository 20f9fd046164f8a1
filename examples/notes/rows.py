"""Statement that reads notes, and command that lists them."""

from typing import NamedTuple

from tools.kit import listing, reader


class NoteRow(NamedTuple):
    """Row of reads/notes.sql."""

    id: int
    texto: str


NOTES = reader.Statement("notes", NoteRow)


@listing.command("notes", epilog="example:\n  ponto notes --stage dev\n")
def notes() -> reader.Query[NoteRow]:
    """List notes."""
    return NOTES.bind()
