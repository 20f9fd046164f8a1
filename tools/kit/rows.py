"""The reference's statements of `ponto.reader`, and the types of their rows; a slice has its own in its `rows.py`."""

from datetime import datetime
from typing import Any, NamedTuple

from tools.kit.output import camel_case
from tools.kit.reader import Statement


class EmployeeRow(NamedTuple):
    """An employee of whom there is something."""

    employee_id: int


class KeyRow(NamedTuple):
    """A punch that came with an API key."""

    key: str
    id: str
    employee_id: int
    instant: datetime
    device: str | None
    received: datetime


class MessageRow(NamedTuple):
    """The punch that a message brought."""

    id: str


class NowRow(NamedTuple):
    """The database's present."""

    now: datetime


class PunchRow(NamedTuple):
    """A punch with its message."""

    id: str
    employee_id: int
    instant: datetime
    received: datetime | None  # None: a punch of this project's first version
    written: datetime
    key: str | None  # API key's id; None: none was sent along
    message_id: str | None  # None: as of received
    device: str | None


class RunCountRow(NamedTuple):
    """Figures of a load test."""

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


KEY_EMPLOYEES = Statement("key_employees", EmployeeRow)
KEY_ROWS = Statement("key_rows", KeyRow)
MESSAGE = Statement("message", MessageRow)
NOW = Statement("now", NowRow)
PUNCH = Statement("punch", PunchRow)
PUNCHES = Statement("punches", PunchRow)
RUN_COUNT = Statement("run_count", RunCountRow)
RUN_ROWS = Statement("run_rows", RunRow)
ZONE = Statement("zone", ZoneRow)


def to_json(row: KeyRow | PunchRow) -> dict[str, Any]:
    """Return the fields of a punch as --json names them."""
    names = {"employee_id": "employee", "instant": "punched"}
    return camel_case({names.get(name, name): value for name, value in row._asdict().items()})
