"""Benchmark of the drain, and of queries of slices, on growing tables with random ids and with ids in order."""

import statistics
import sys
import time
from functools import partial

from lab import extensions
from lab.bench.drain import run
from lab.bench.events import NewId, make_events, uuid4
from lab.bench.harness import (
    BenchCase,
    Measurement,
    Reading,
    ResultColumn,
    ResultTable,
    Sizes,
    add_figure,
    measure_cases,
)
from lab.bench.server import BenchServer
from tools.kit.ids import uuid7

BATCH = 100
READINGS: dict[str, Reading] = extensions.collect("bench", "READINGS")
_READING_COUNT = 21  # readings in each case, of random employees

# Function that creates an id, and SQL expression that does, by kind of ids.
IDS: dict[str, tuple[NewId, str]] = {
    "UUIDv4": (uuid4, "gen_random_uuid()"),
    "UUIDv7": (uuid7, "uuidv7(recebida_em - now())"),
    # Sorted like the ids of ponto/derived_id.py, but with random bits in place of the digest.
    "derived": (
        None,
        "overlay(overlay(gen_random_uuid()::text placing '8' from 15) placing overlay(lpad(to_hex((extract(epoch from"
        " ponto - timestamptz '1899-12-31Z') * 1000)::bigint), 12, '0') placing '-' from 9 for 0) from 1)::uuid",
    ),
}
_COLUMNS = {
    "ids": ResultColumn("ids"),
    "rows": ResultColumn("rows before"),
    "rows_per_second": ResultColumn("rows/s, median (least to most)"),
    "share": ResultColumn("share of that on an empty table", digits=2),
    "log_bytes": ResultColumn("bytes a row: log", median_only=True),
    **{name: ResultColumn(f"ms {reading.description}", digits=1) for name, reading in READINGS.items()},
}

# Rows of the past year, in the order of receipt. The indexes are created after the insert: that is three times as fast.
_FILL = """
alter table ponto.batida drop constraint batida_pkey;
drop index ponto.batida_semana_usuario_id_idx;
insert into ponto.batida (id, usuario_id, ponto, deslocamento, offline, recebida_em, mensagem_id)
select
    {id}, 1 + floor(random() * {employees})::bigint, ponto, -180, true, recebida_em, gen_random_uuid()::text
from generate_series(1, {rows}) as number
    cross join lateral (values (now() - interval '1 year' * (1 - number::float8 / {rows}))) as received (recebida_em)
    cross join lateral (values (recebida_em - interval '10 minutes' * random())) as punched (ponto);
alter table ponto.batida add constraint batida_pkey primary key (id);
"""

# Loads into the buffers those parts of both indexes that the drain reads, as on a server in use.
_WARM = """
set enable_seqscan = off;
select count(*) from (select id from ponto.batida order by id offset 0) as key;
select count(*) from ponto.batida where ponto.semana(ponto) >= ponto.semana(now() - interval '7 days');
reset enable_seqscan;
"""


def measure(server: BenchServer, sizes: Sizes) -> list[ResultTable]:
    """Measure the handler and the readings on an empty table and on larger ones, round by round."""
    cases = []
    for rows in [0, *(round(number * 1e6) for number in sizes.millions)]:
        for ids in sizes.ids or IDS:
            database = f"growth_{ids.lower()}_{rows}"
            if rows:
                server.use_database(database)
                fill(server, ids, rows, sizes.employees)
            cases.append(
                BenchCase({"ids": ids, "rows": rows}, partial(_measure_case, server, database, ids, rows, sizes))
            )
    server.query("checkpoint")
    measured = measure_cases("growth", cases, sizes.rounds)
    speeds = [(row.facts, row.figures["rows_per_second"].median) for row in measured]
    empty = {facts["ids"]: speed for facts, speed in speeds if not facts["rows"]}

    def share(row: Measurement) -> float:
        return row.figures["rows_per_second"].median / empty[row.facts["ids"]]

    return [ResultTable(_COLUMNS, add_figure(measured, "share", share))]


def _measure_case(server: BenchServer, database: str, ids: str, rows: int, sizes: Sizes) -> dict[str, float]:
    server.use_database(database)
    if rows == 0:
        server.truncate()
    events = partial(make_events, batch=BATCH, new_id=IDS[ids][0], employees=sizes.employees, at_present=True)
    run(server, 10 * BATCH, events(10 * BATCH))  # fills the caches of the connection; its figures are discarded
    punches = sizes.punches // 5
    start_lsn = server.query("select pg_current_wal_insert_lsn()")
    results = run(server, punches, events(punches))
    results["log_bytes"] = float(server.query(f"select pg_current_wal_insert_lsn() - '{start_lsn}'")) / punches
    for name, reading in READINGS.items():
        results[name] = statistics.median(reading.measure(server, sizes.employees) for _ in range(_READING_COUNT))
    return results


def fill(server: BenchServer, ids: str, rows: int, employees: int) -> None:
    """Fill the empty table of the database in use with punches of the past year, and read its indexes.

    Args:
        server: the server.
        ids: kind of ids.
        rows: number of rows.
        employees: number of employees.
    """
    started_at = time.perf_counter()
    index = server.query("select pg_get_indexdef('ponto.batida_semana_usuario_id_idx'::regclass)")
    server.query(_FILL.format(id=IDS[ids][1], rows=rows, employees=employees))
    server.query(index)
    server.query("vacuum analyze ponto.batida")
    server.query(_WARM)
    seconds = time.perf_counter() - started_at
    print(f"growth: filled {rows:,} rows of {ids} in {seconds:.0f} s", file=sys.stderr, flush=True)
