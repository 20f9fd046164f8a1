"""What reports know of rows that `ponto trace` found: the employee's working day and local time."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tools.kit.reader import Reader
from tools.kit.traced import Asked, Notes, Row, RowNote


def day(source: Reader, employee: int, of: date) -> tuple[datetime, datetime]:
    """Give when a working day of an employee begins and ends."""
    ((bounds,),) = map(list, source.read(working_day={"usuario": employee, "dia": of}))
    begin, end = bounds
    return begin, end


def notes(source: Reader, _: Asked, rows: Sequence[Row]) -> Notes:
    """Give the zone and the local time of rows, which are of one employee."""
    if not rows:
        return Notes({})
    (((zone,),),) = map(list, source.read(employee_zone={"usuario": rows[0].employee}))
    found = {}
    for row in rows:
        local = f"{row.punched.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}, {zone}"
        found[row.id] = RowNote({"zone": zone}, lines={"local": local})
    return Notes(found)
