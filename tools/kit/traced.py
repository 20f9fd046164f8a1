"""What slices add to `ponto trace`: notes about the rows that were found, and about what was asked for."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """The punch, or the day of an employee."""

    id: str | None
    employee: int | None = None  # with a day, where there is no id
    day: date | None = None

    @property
    def words(self) -> str:
        """For people."""
        return self.id or f"employee {self.employee} on {self.day}"


class Row(NamedTuple):
    """A row of `batida`."""

    id: str
    employee: int
    punched: datetime
    received: datetime | None  # None: a punch of this project's first version
    written: datetime
    key: str | None  # API key's id; None: none was sent along
    message_id: str | None  # that brought it; None: as of received
    device: str | None


class RowNote(NamedTuple):
    """What is known of a row besides."""

    fields: Mapping[str, Any]  # that --json adds to it
    head: str = ""  # behind its id, for people
    lines: Mapping[str, str] = {}  # below it, for people, by their names


class Notes(NamedTuple):
    """What a slice knows of what was asked for."""

    rows: Mapping[str, RowNote]  # by their ids
    fields: Mapping[str, Any] = {}  # that --json has beside the rows
    lines: Sequence[str] = ()  # below the rows, for people
    has_id: bool = False  # something of the slice's has the id that was asked for
