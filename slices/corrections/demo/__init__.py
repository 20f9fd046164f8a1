"""The correction of the company that `ponto demo` makes up."""

from datetime import date
from pathlib import Path

import psycopg2.extensions

from ponto.sql_names import read_sql

_ADD_FORGOTTEN_PUNCH = read_sql(Path(__file__).parent / "correct.sql")


def add_forgotten_punch(cursor: psycopg2.extensions.cursor, numbers: tuple[int, int], last: date) -> int:
    """Correct a day of the month that ends on a day; give how many: none where nobody forgot to punch out in it.

    `numbers` are the first and the last employee's.
    """
    cursor.execute(_ADD_FORGOTTEN_PUNCH, {"last": last, "first_number": numbers[0], "last_number": numbers[1]})
    return cursor.rowcount
