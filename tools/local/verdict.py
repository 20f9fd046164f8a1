"""Verdict on a run's accepted messages: how many are rows, duplicates or dead letters, and how many are lost."""

from collections.abc import Collection, Iterable, Mapping

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


def judge(database_url: str, accepted: Mapping[str, str | None], dead: Collection[str]) -> dict[str, int | None]:
    """Count the outcomes of all messages that the queue has accepted in a run, once none waits.

    Args:
        database_url: URL of the local stack's database.
        accepted: punch id by message id; None: there is none, or it depends on the stage's time zone.
        dead: message ids of all dead letters of the run, including redriven and deleted ones.

    Returns:
        Counts by their names in the view. A redriven dead letter with a row counts as a row only. `lost` is None if a
        message has no outcome and its punch id is unknown: it may be a duplicate.

    Raises:
        psycopg2.Error: the database does not answer.
    """
    punches = (punch_id or "null" for punch_id in accepted.values())
    arrays = {"messages": _array(accepted), "punches": _array(punches), "dead": _array(dead)}
    [found] = postgres.fetch(database_url, _COUNT, arrays)
    lost = None if found.unknown else len(accepted) - found.rows - found.duplicates - found.dead_letters
    return {
        "accepted": len(accepted),
        "rows": found.rows,
        "duplicates": found.duplicates,
        "deadLetters": found.dead_letters,
        "lost": lost,
    }


def _array(ids: Iterable[str]) -> str:
    return "{" + ",".join(ids) + "}"  # psycopg2's literal is several times longer, and there may be many ids
