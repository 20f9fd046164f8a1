"""Command that lists notes."""

from ponto.read.statements import Query
from slices.notes.statements import NOTES, NoteRow
from tools.kit import listing


@listing.command("notes", epilog="example:\n  ponto notes --stage dev\n")
def notes() -> Query[NoteRow]:
    """List notes."""
    return NOTES.bind()
