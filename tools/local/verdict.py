"""The verdict on the accepted punches of a run: how many are rows, duplicates, dead letters, and how many are lost."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from tools.local import postgres

_COUNT = """
with accepted as (
    select message_id, punch_id, message_id = any(%(dead)s::text[]) as is_dead
    from unnest(%(messages)s::text[], %(punches)s::uuid[]) as message (message_id, punch_id)
),
outcome as (
    select
        punch_id,
        case
            when own.id is not null then 'row'
            when is_dead then 'dead letter'
            when other.id is not null then 'duplicate'
        end as outcome
    from accepted
    left join ponto.batida as own on own.mensagem_id = message_id
    left join ponto.batida as other on other.id = punch_id
)
select
    count(*) filter (where outcome = 'row') as rows,
    count(*) filter (where outcome = 'duplicate') as duplicates,
    count(*) filter (where outcome = 'dead letter') as dead_letters,
    count(*) filter (where outcome is null and punch_id is null) as unknown
from outcome
"""


class Verdict(NamedTuple):
    """Outcomes of the accepted messages of a run, once none waits."""

    accepted: int
    rows: int
    duplicates: int  # messages whose punch is the row of another message
    dead_letters: int  # dead letters whose message has no row; once redriven, it counts under rows
    unknown: int = 0  # neither, and the id of the punch is not known: a duplicate, or lost

    @property
    def lost(self) -> int | None:
        """Accepted messages that are nowhere; None if it is not known."""
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
    """Find what became of each message that the queue has taken in a run.

    Args:
        database_url: the local stack's.
        accepted: ids of the messages, with the id of the punch; None: it is not known without the stage's time zone,
            or there is none.
        dead: message ids of all dead letters of the run, those that were sent back or deleted included.

    Raises:
        psycopg2.Error: the database does not answer.
    """
    punches = (punch_id or "null" for punch_id in accepted.values())
    arrays = {"messages": _array(accepted), "punches": _array(punches), "dead": _array(dead)}
    [counts] = postgres.fetch(database_url, _COUNT, arrays)
    return Verdict(len(accepted), **counts._asdict())


def _array(ids: Iterable[str]) -> str:
    return "{" + ",".join(ids) + "}"  # psycopg2's own is several times longer, and there may be many
