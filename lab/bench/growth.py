"""Whether the drain slows down as the table grows, with random ids and with ids that grow with time."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from lab.bench.drain import run
from lab.bench.events import EMPLOYEES, NewId, chunks, uuid4, uuid7
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server

BATCH = 100

# Kind of ids -> who makes them here, and in PostgreSQL: there one each 100 ms until now.
_IDS: dict[str, tuple[NewId, str]] = {
    "UUIDv4": (uuid4, "gen_random_uuid()"),
    "UUIDv7": (uuid7, "uuidv7((number - {rows}) * interval '100 milliseconds')"),
    # Of the same order as ponto/derived_id.py makes them: the digest is as good as random.
    "derived": (
        None,
        "overlay(overlay(gen_random_uuid()::text placing '8' from 15) placing overlay(lpad(to_hex((extract(epoch from"
        " now() - timestamptz '1899-12-31Z' + (number - {rows}) * interval '100 milliseconds') * 1000)::bigint), 12,"
        " '0') placing '-' from 9 for 0) from 1)::uuid",
    ),
}
_MEANT_TO_GROW = ("UUIDv7", "derived")

# Into a table without its indexes, which are made afterwards: three times as fast.
_FILL = """
alter table batida drop constraint batida_pkey;
drop index batida_usuario_id_ponto_idx;
insert into batida (id, usuario_id, ponto, deslocamento, offline, recebida_em, mensagem_id)
select
    {id}, 1 + floor(random() * {employees})::bigint, now() - random() * interval '1 year', -180, true, now(),
    gen_random_uuid()::text
from generate_series(1, {rows}) as number;
alter table batida add constraint batida_pkey primary key (id);
create index on batida (usuario_id, ponto);
"""

# Both indexes, read into the buffers as far as these hold them: a server that has been in use has them there.
_WARM = """
set enable_seqscan = off;
select count(*) from (select id from batida order by id offset 0) as key;
select count(*) from (select usuario_id, ponto from batida order by usuario_id, ponto offset 0) as key;
reset enable_seqscan;
"""


class Growth(NamedTuple):
    """The handler on a table of some size."""

    ids: str
    rows: int  # before
    rows_per_second: Spread


def measure(server: Server, millions: Sequence[float], punches: int, rounds: int, employees: int) -> list[Growth]:
    """Time the handler on an empty table and on larger ones, all taking turns.

    Args:
        server: the database.
        millions: rows of the larger tables.
        punches: for each, in each round.
        rounds: how often.
        employees: of the company; each punch is of one at random.
    """
    sizes = [0, *(round(number * 1e6) for number in millions)]
    runs: dict[tuple[str, int], list[float]] = {(ids, rows): [] for rows in sizes for ids in _IDS}
    for ids, rows in runs:
        server.use(_name(ids, rows))
        if rows:
            fill(server, ids, rows, employees)
    server.ask("checkpoint")
    for round_ in range(rounds):
        for (ids, rows), found in runs.items():
            print(f"growth: round {round_ + 1} of {rounds}, {ids}, {rows:,} rows", file=sys.stderr, flush=True)
            server.use(_name(ids, rows))
            if rows == 0:
                server.empty()
            coming = partial(chunks, batch=BATCH, new_id=_IDS[ids][0], employees=employees, at_present=True)
            run(server, coming(10 * BATCH))  # the connection, and what it caches
            found.append(punches / run(server, coming(punches)).seconds)
    return [Growth(ids, rows, spread(found)) for (ids, rows), found in runs.items()]


def fill(server: Server, ids: str, rows: int, employees: int = EMPLOYEES) -> None:
    """Fill the table of the database in use, which is empty, and read its indexes.

    Args:
        server: the database.
        ids: their kind.
        rows: how many.
        employees: whose punches they are, of the year before.
    """
    began = time.perf_counter()
    server.ask(_FILL.format(id=_IDS[ids][1].format(rows=rows), rows=rows, employees=employees))
    server.ask("vacuum analyze batida")
    server.ask(_WARM)
    took = time.perf_counter() - began
    print(f"growth: filled {rows:,} rows of {ids} in {took:.0f} s", file=sys.stderr, flush=True)


def aims(found: Sequence[Growth]) -> list[Aim]:
    """Hold the largest table against the empty one, with the ids that are in order."""
    largest = max(growth.rows for growth in found)
    rates = {(growth.ids, growth.rows): growth.rows_per_second.median for growth in found}
    return [
        Aim(
            f"speed on {largest:,} rows, as a share of that on an empty table, {ids}",
            0.8,
            rates[ids, largest] / rates[ids, 0],
        )
        for ids in _MEANT_TO_GROW
    ]


def show(found: Sequence[Growth]) -> str:
    """Lay out rows/s by size and kind of id."""
    sizes = sorted({growth.rows for growth in found})
    rates = {(growth.ids, growth.rows): str(growth.rows_per_second) for growth in found}
    head = ["rows/s on a table of", *(f"{rows:,} rows" for rows in sizes)]
    return table([head, *([ids, *(rates[ids, rows] for rows in sizes)] for ids in _IDS)])


def _name(ids: str, rows: int) -> str:
    return f"growth_{ids.lower()}_{rows}"
