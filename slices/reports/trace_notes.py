"""Notes of reports for `ponto trace`: the employee's working day and local time."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from slices.reports.rows import EMPLOYEE_ZONE, WORKING_DAY
from tools.kit.reader import Reader
from tools.kit.rows import PunchRow
from tools.kit.trace_notes import Notes, RowNote, TraceNotes, TraceRequest


def day(source: Reader, employee_id: int, of: date) -> tuple[datetime, datetime]:
    """Return when a working day of an employee begins and ends."""
    ((bounds,),) = source.read(WORKING_DAY.bind(usuario=employee_id, dia=of))
    return bounds.inicio, bounds.fim


def notes(source: Reader, _: TraceRequest, rows: Sequence[PunchRow]) -> Notes:
    """Return the zone and the local time of rows, which are of one employee."""
    if not rows:
        return Notes({})
    ((zone,),) = source.read(EMPLOYEE_ZONE.bind(usuario=rows[0].employee_id))
    row_notes = {}
    for row in rows:
        local = f"{row.instant.astimezone(ZoneInfo(zone.name)):%Y-%m-%d %H:%M:%S}, {zone.name}"
        row_notes[row.id] = RowNote({"zone": zone.name}, lines={"local": local})
    return Notes(row_notes)


NOTES = TraceNotes(notes, day)
