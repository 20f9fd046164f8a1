"""Notes of slices for `ponto trace`: about the rows that were found, and about what was asked for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from tools.kit.reader import Reader
from tools.kit.rows import PunchRow


class TraceRequest(NamedTuple):
    """The punch, or the day of an employee."""

    id: str | None
    employee_id: int | None = None  # with a day, where there is no id
    day: date | None = None

    def __str__(self) -> str:
        return self.id or f"employee {self.employee_id} on {self.day}"


class RowNote(NamedTuple):
    """Note about a row."""

    fields: Mapping[str, Any]  # that --json adds to it
    suffix: str = ""  # behind its id, for people
    lines: Mapping[str, str] = {}  # below it, for people, by their names


class Notes(NamedTuple):
    """Notes of a slice about a request."""

    rows: Mapping[str, RowNote]  # by their ids
    fields: Mapping[str, Any] = {}  # that --json has beside the rows
    lines: Sequence[str] = ()  # below the rows, for people
    has_id: bool = False  # something of the slice's has the id that was asked for


class TraceNotes(NamedTuple):
    """Functions of a slice that read its notes."""

    notes: Callable[[Reader, TraceRequest, Sequence[PunchRow]], Notes]
    day: Callable[[Reader, int, date], tuple[datetime, datetime]] | None = (
        None  # when an employee's day begins and ends
    )
