"""Default formats of rows in commands that list them."""

from datetime import UTC, date, datetime
from typing import NamedTuple

from tools.kit import listing


class ShiftRow(NamedTuple):
    employee_id: int
    closed: datetime | None
    day: date


ROW = ShiftRow(7, None, date(2026, 11, 3))


def test_json_of_a_row_has_camel_case_names_and_iso_8601_times() -> None:
    closed = ROW._replace(closed=datetime(2026, 11, 3, 18, tzinfo=UTC))

    assert listing.row_to_json(closed) == {"employeeId": 7, "closed": "2026-11-03T18:00:00+00:00", "day": "2026-11-03"}


def test_cells_of_a_row_are_its_fields_as_text() -> None:
    assert listing.row_to_cells(ROW) == ["7", "", "2026-11-03"]
