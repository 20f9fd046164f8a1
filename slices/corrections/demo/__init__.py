"""A correction for the fictitious company of `ponto demo`."""

from datetime import date
from pathlib import Path

import psycopg2.extensions

from ponto.sql_names import read_sql

_ADD_FORGOTTEN_PUNCH = read_sql(Path(__file__).parent / "correct.sql")


def add_forgotten_punch(cursor: psycopg2.extensions.cursor, employee_ids: tuple[int, int], last: date) -> int:
    """Add the missing end of one working day.

    Args:
        cursor: in a transaction of the owner.
        employee_ids: of the company's first and last employee.
        last: last day of the month to correct.

    Returns:
        Number of corrected days: 1, or 0 if no day of the month lacks its end.
    """
    cursor.execute(
        _ADD_FORGOTTEN_PUNCH, {"last": last, "first_employee_id": employee_ids[0], "last_employee_id": employee_ids[1]}
    )
    return cursor.rowcount
