"""What commands that list rows show of a row unless they say otherwise."""

from datetime import UTC, date, datetime
from typing import NamedTuple

from tools.kit import listing


class ShiftRow(NamedTuple):
    employee_id: int
    closed: datetime | None
    day: date


ROW = ShiftRow(7, None, date(2026, 11, 3))


def test_a_row_as_json_has_names_of_the_wire_and_times_of_iso_8601() -> None:
    closed = ROW._replace(closed=datetime(2026, 11, 3, 18, tzinfo=UTC))

    assert listing.row_to_json(closed) == {"employeeId": 7, "closed": "2026-11-03T18:00:00+00:00", "day": "2026-11-03"}


def test_a_row_of_a_table_has_its_fields_as_text() -> None:
    assert listing.row_to_cells(ROW) == ["7", "", "2026-11-03"]
