"""Statements about punches, and about the stage."""

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ponto.read import parameter_types as types
from ponto.read.statements import Catalogue
from ponto.shared.event import Subject


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
    employee_id: Subject
    instant: datetime
    received: datetime | None  # None: stored by this project's first version
    written: datetime
    key: str | None  # id of the API key; None: unknown
    message_id: str | None  # None: stored by this project's first version
    device: str | None
    fields: dict[str, Any]  # the other columns of the row, as JSON


class RunCountRow(NamedTuple):
    """Number of rows of a load test."""

    row_count: int


class RunRow(NamedTuple):
    """A punch of a load test."""

    id: str
    employee_id: Subject
    written: datetime
    copies: int  # rows of the same employee and instant that are not of the load test


class ZoneRow(NamedTuple):
    """A time zone."""

    name: str


STATEMENTS = Catalogue(Path(__file__).parent / "sql", tables_with_write_time={"batida"})
MESSAGE = STATEMENTS.add("message", MessageRow, {"message_id": types.uuid, "since": types.instant})
NOW = STATEMENTS.add("now", NowRow)
PUNCH = STATEMENTS.add("punch", PunchRow, {"id": types.uuid})
PUNCHES = STATEMENTS.add("punches", PunchRow, {"employee_id": types.subject, "de": types.instant, "ate": types.instant})
RUN_COUNT = STATEMENTS.add("run_count", RunCountRow, {"primeiro": types.uuid, "ultimo": types.uuid})
RUN_ROWS = STATEMENTS.add(
    "run_rows",
    RunRow,
    {
        "desde": types.instant,
        "primeiro": types.uuid,
        "ultimo": types.uuid,
        "depois": types.uuid,
        "limite": types.integer,
    },
)
ZONE = STATEMENTS.add("zone", ZoneRow)
