"""Whether the drain slows down as the table grows, with random ids and with ids that grow with time."""

import sys
import time
from collections.abc import Sequence
from functools import partial

from lab.bench.drain import run
from lab.bench.events import NewId, chunks, uuid4, uuid7
from lab.bench.harness import Aim, Column, Found, Row, Sizes, Table, Turn, median, side_by_side, with_figure
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
_COLUMNS = {
    "ids": Column("ids"),
    "rows": Column("rows before"),
    "rows_per_second": Column("rows/s, median (least to most)"),
    "share": Column("share of that on an empty table", digits=2),
}

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


def measure(server: Server, sizes: Sizes) -> Found:
    """Time the handler on an empty table and on larger ones, all taking turns."""
    turns = []
    for rows in [0, *(round(number * 1e6) for number in sizes.millions)]:
        for ids in _IDS:
            database = f"growth_{ids.lower()}_{rows}"
            if rows:
                server.use(database)
                fill(server, ids, rows, sizes.employees)
            turns.append(Turn({"ids": ids, "rows": rows}, partial(_turn, server, database, ids, rows, sizes)))
    server.ask("checkpoint")
    return found_in(side_by_side("growth", turns, sizes.rounds))


def found_in(rows: Sequence[Row]) -> Found:
    """Hold each table against the empty one; the aims are of the largest, with the ids that are in order."""
    largest = max(row.facts["rows"] for row in rows)
    empty = {row.facts["ids"]: row.figures["rows_per_second"].median for row in rows if not row.facts["rows"]}
    rows = with_figure(rows, "share", lambda row: row.figures["rows_per_second"].median / empty[row.facts["ids"]])
    aims = [
        Aim(f"speed on {largest:,} rows, as a share of that on an empty table, {ids}", 0.8, share)
        for ids in _MEANT_TO_GROW
        if (share := median(rows, "share", ids=ids, rows=largest)) is not None
    ]
    return Found([Table(_COLUMNS, rows)], aims)


def _turn(server: Server, database: str, ids: str, rows: int, sizes: Sizes) -> dict[str, float]:
    server.use(database)
    if rows == 0:
        server.empty()
    coming = partial(chunks, batch=BATCH, new_id=_IDS[ids][0], employees=sizes.employees, at_present=True)
    run(server, 10 * BATCH, coming(10 * BATCH))  # the connection, and what it caches
    punches = sizes.punches // 5
    return run(server, punches, coming(punches))


def fill(server: Server, ids: str, rows: int, employees: int) -> None:
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
