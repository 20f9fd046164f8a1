"""Notes for `ponto trace`: the employee's working day and local time."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ponto.read.punch_statements import PunchRow
from slices.reports.statements import EMPLOYEE_ZONE, WORKING_DAY
from tools.kit.reader import Reader
from tools.kit.trace_notes import Notes, RowNote, TraceNotes, TraceRequest


def read_day_bounds(source: Reader, employee_id: int, day: date) -> tuple[datetime, datetime]:
    """Return the instants at which an employee's working day begins and ends."""
    ((bounds,),) = source.read(WORKING_DAY.bind(employee_id=employee_id, dia=day))
    return bounds.inicio, bounds.fim


def read_notes(source: Reader, _: TraceRequest, rows: Sequence[PunchRow]) -> Notes:
    """Return the time zone and the local time of the rows, which all belong to one employee."""
    if not rows:
        return Notes({})
    ((zone,),) = source.read(EMPLOYEE_ZONE.bind(employee_id=rows[0].employee_id))
    row_notes = {}
    for row in rows:
        local = f"{row.instant.astimezone(ZoneInfo(zone.name)):%Y-%m-%d %H:%M:%S}, {zone.name}"
        row_notes[row.id] = RowNote({"zone": zone.name}, lines={"local": local})
    return Notes(row_notes)


NOTES = TraceNotes(read_notes, read_day_bounds)
