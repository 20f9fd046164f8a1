"""The reference's statements of `ponto.reader` and their row types; a slice's are in its `rows.py`."""

from datetime import datetime
from typing import Any, NamedTuple

from tools.kit.output import camel_case
from tools.kit.reader import Statement


class EmployeeRow(NamedTuple):
    """An employee with punches."""

    employee_id: int


class MessageRow(NamedTuple):
    """Id of the punch of a message."""

    id: str


class NowRow(NamedTuple):
    """Present time of the database."""

    now: datetime


class PunchRow(NamedTuple):
    """A punch and the message that carried it."""

    id: str
    employee_id: int
    instant: datetime
    received: datetime | None  # None: stored by this project's first version
    written: datetime
    key: str | None  # id of the API key; None: unknown
    message_id: str | None  # None: stored by this project's first version
    device: str | None
    fields: dict[str, Any]  # the other columns of the row, as JSON


class RunCountRow(NamedTuple):
    """Number of rows, and highest employee number, of a load test."""

    row_count: int
    highest_employee_id: int | None  # None: no rows


class RunRow(NamedTuple):
    """A punch of a load test."""

    id: str
    employee_id: int
    written: datetime


class ZoneRow(NamedTuple):
    """A time zone."""

    name: str


INSTANT_KEY = "punched"
"""Name of the instant of a punch, in --json and in tables."""

MESSAGE = Statement("message", MessageRow)
NOW = Statement("now", NowRow)
PUNCH = Statement("punch", PunchRow)
PUNCHES = Statement("punches", PunchRow)
RUN_COUNT = Statement("run_count", RunCountRow)
RUN_ROWS = Statement("run_rows", RunRow)
ZONE = Statement("zone", ZoneRow)


def to_json(row: PunchRow) -> dict[str, Any]:
    """Return the fields of a punch by their names in --json."""
    names = {"employee_id": "employee", "instant": INSTANT_KEY}
    return camel_case({names.get(name, name): value for name, value in row._asdict().items()})
