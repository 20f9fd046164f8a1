"""The verdict on the accepted punches of a run: how many are rows, duplicates, dead letters, and how many are lost."""

from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

import psycopg2

_TIMEOUT_SECONDS = 10
_COUNT = """
select count(*), count(*) filter (where mensagem_id = any(%(dead)s)) from ponto.batida where recebida_em >= %(since)s
"""


class Verdict(NamedTuple):
    """Where the accepted messages of a run are, once none waits."""

    accepted: int
    rows: int
    duplicates: int  # messages of a punch that another message had brought
    dead_letters: int  # messages that are no row; sent back, they are rows

    @property
    def lost(self) -> int:
        """Accepted messages that are nowhere."""
        return max(0, self.accepted - self.rows - self.duplicates - self.dead_letters)

    def to_json(self) -> dict[str, int]:
        """Return the numbers as the view reads them."""
        return {
            "accepted": self.accepted,
            "rows": self.rows,
            "duplicates": self.duplicates,
            "deadLetters": self.dead_letters,
            "lost": self.lost,
        }


def judge(database_url: str, since: datetime, accepted: int, duplicates: int, dead: Collection[str]) -> Verdict:
    """Count the rows of the messages that came since an instant.

    Args:
        database_url: the local stack's.
        since: when the run started.
        accepted: messages that the queue has taken since then.
        duplicates: messages since then of a punch that another message had brought.
        dead: message ids of all dead letters since then, those that were sent back or deleted included.

    Raises:
        psycopg2.Error: the database does not answer.
    """
    rows, rows_of_dead = _count(database_url, {"since": since, "dead": list(dead)})
    return Verdict(accepted, rows, duplicates, len(dead) - rows_of_dead)


def _count(database_url: str, parameters: dict[str, Any]) -> tuple[int, int]:
    connection = psycopg2.connect(
        database_url,
        hostaddr="",  # not where PGHOSTADDR points
        connect_timeout=_TIMEOUT_SECONDS,
        options=f"-c statement_timeout={_TIMEOUT_SECONDS}s",
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)
        rows, rows_of_dead = cursor.fetchone() or (0, 0)
    return rows, rows_of_dead
