"""Verdict on a run's accepted messages: how many are rows, duplicates or dead letters, and how many are lost."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from psycopg2 import sql

from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA
from tools.local import postgres

_COUNT = sql.SQL("""
with accepted as (
    select message_id, punch_id, message_id = any(%(dead)s::text[]) as is_dead
    from unnest(%(messages)s::text[], %(punches)s::uuid[]) as message (message_id, punch_id)
),
outcome as (
    select
        accepted.punch_id,
        case
            when stored_row.id is not null then 'row'
            when accepted.is_dead then 'dead letter'
            when same_punch.id is not null then 'duplicate'
        end as outcome
    from accepted
    left join {table} as stored_row on stored_row.mensagem_id = accepted.message_id
    left join {table} as same_punch on same_punch.id = accepted.punch_id
)
select
    count(*) filter (where outcome = 'row') as rows,
    count(*) filter (where outcome = 'duplicate') as duplicates,
    count(*) filter (where outcome = 'dead letter') as dead_letters,
    count(*) filter (where outcome is null and punch_id is null) as unknown
from outcome
""").format(table=sql.Identifier(SCHEMA, EVENT.table))


class Verdict(NamedTuple):
    """Outcomes of a run's accepted messages, once no message waits."""

    accepted: int
    rows: int
    duplicates: int  # messages whose punch another message has stored
    dead_letters: int  # dead letters whose message has no row; once redriven, it counts under rows
    unknown: int = 0  # lost messages, or duplicates whose punch id is unknown

    @property
    def lost(self) -> int | None:
        """Number of accepted messages without an outcome; None if unknown."""
        return None if self.unknown else self.accepted - self.rows - self.duplicates - self.dead_letters

    def to_json(self) -> dict[str, int | None]:
        """Return the numbers as the view reads them."""
        return {
            "accepted": self.accepted,
            "rows": self.rows,
            "duplicates": self.duplicates,
            "deadLetters": self.dead_letters,
            "lost": self.lost,
        }


def judge(database_url: str, accepted: Mapping[str, str | None], dead: Collection[str]) -> Verdict:
    """Count the outcomes of all messages that the queue has accepted in a run.

    Args:
        database_url: URL of the local stack's database.
        accepted: punch id by message id; None: there is none, or it depends on the stage's time zone.
        dead: message ids of all dead letters of the run, including redriven and deleted ones.

    Raises:
        psycopg2.Error: the database does not answer.
    """
    punches = (punch_id or "null" for punch_id in accepted.values())
    arrays = {"messages": _array(accepted), "punches": _array(punches), "dead": _array(dead)}
    [counts] = postgres.fetch(database_url, _COUNT, arrays)
    return Verdict(len(accepted), **counts._asdict())


def _array(ids: Iterable[str]) -> str:
    return "{" + ",".join(ids) + "}"  # psycopg2's literal is several times longer, and there may be many ids
