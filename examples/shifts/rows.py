"""Statement that reads shifts, and command that lists them."""

from typing import NamedTuple

from tools.kit import listing, reader


class ShiftRow(NamedTuple):
    """Row of reads/shifts.sql."""

    id: int


SHIFTS = reader.Statement("shifts", ShiftRow)


@listing.command("shifts", epilog="example:\n  ponto shifts --stage dev\n")
def shifts() -> reader.Query[ShiftRow]:
    """List shifts."""
    return SHIFTS.bind()
