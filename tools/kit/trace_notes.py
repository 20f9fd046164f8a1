"""Notes that slices add to the output of `ponto trace`, about rows and about the request."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from ponto.read.punch_statements import PunchRow
from ponto.shared.event import Subject
from tools.kit.reader import Reader


class TraceRequest(NamedTuple):
    """Punch or day of an employee that the user asked for."""

    id: str | None  # id of a punch or a message
    employee_id: Subject | None = None  # set together with `day` if there is no id
    day: date | None = None

    def __str__(self) -> str:
        return self.id or f"employee {self.employee_id} on {self.day}"


class RowNote(NamedTuple):
    """Note about a row."""

    fields: Mapping[str, Any]  # fields that --json adds to the row
    suffix: str = ""  # text after the row's id, without --json
    lines: Mapping[str, str] = {}  # lines below the row, by their names, without --json


class Notes(NamedTuple):
    """Notes of a slice about a request."""

    rows: Mapping[str, RowNote]  # by the rows' ids
    fields: Mapping[str, Any] = {}  # further keys of the output of --json
    lines: Sequence[str] = ()  # lines below the rows, without --json
    has_id: bool = False  # whether the slice has an object with the requested id


class TraceNotes(NamedTuple):
    """Functions of a slice for `ponto trace`."""

    notes: Callable[[Reader, TraceRequest, Sequence[PunchRow]], Notes]
    day: Callable[[Reader, Subject, date], tuple[datetime, datetime]] | None = None
    """Returns the start and the end of an employee's day."""
