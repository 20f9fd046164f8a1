"""How long it takes to find the numbers of devices that are missing, among millions: of a month, and of all of them."""

import os
import sys
import time
from contextlib import closing
from typing import Any, NamedTuple, Protocol

import psutil
import psycopg2

from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server

DEVICES = 500

# What is asked -> the query, and the seconds that it may take.
QUERIES = {
    "a month's gaps": ("select * from lacunas_recebidas('{month}', ultimo_dia('{month}'))", 1.0),
    "all gaps": ("select * from lacunas", 10.0),
}

# Whether nearly every page is known to hold rows that all may see, so that an index is enough to read them.
_IS_VISIBLE = "select relallvisible >= 0.99 * relpages from pg_class where oid = 'batida'::regclass"
_VACUUMS = 60

# The devices take turns. One number of a thousand is missing, and one of ten thousand came twice. Without the indexes,
# which are made afterwards: three times as fast.
_FILL = """
alter table batida drop constraint batida_pkey;
drop index batida_usuario_id_ponto_idx, batida_dispositivo_sequencia_idx;
insert into batida (id, usuario_id, ponto, deslocamento, dispositivo, sequencia, offline, recebida_em, mensagem_id)
select
    gen_random_uuid(), 1 + number % 10000, instant, -180, 'gate ' || number % {devices},
    1 + number / {devices} - (number > {devices} and number % 10007 = 0)::int, false, instant, gen_random_uuid()::text
from generate_series(0, {rows} - 1) as number
    cross join (select '{month}'::timestamptz + interval '1 month' as fim) as span
    cross join lateral (select fim - interval '{months} months' * (1 - number / {rows}::float8) as instant) as punch
where number % 1009 <> 1;
alter table batida add constraint batida_pkey primary key (id);
create index on batida (usuario_id, ponto);
create index on batida (dispositivo, sequencia) where sequencia is not null;
"""


class _Asked(Protocol):
    """A server."""

    def ask(self, statement: str) -> Any:
        """Run a statement; return the first value of its answer."""


class Gaps(NamedTuple):
    """How long a query took, with all its rows sent, and how PostgreSQL went about it."""

    query: str
    rows: int
    seconds: Spread
    cpu: Spread  # seconds
    plan: list[str]  # EXPLAIN (ANALYZE, BUFFERS)


class Found(NamedTuple):
    """What was measured."""

    punches: int
    queries: list[Gaps]


def measure(server: Server, rows: int, months: int, month: str, rounds: int) -> Found:
    """Fill a table with numbered punches, and time the queries in turn, as the role of the reports and on one core.

    Args:
        server: the database.
        rows: of the table; a thousandth is missing.
        months: that they are spread over.
        month: the first day of the last of these.
        rounds: how often.
    """
    server.use("gaps")
    print(f"gaps: filling {rows:,} rows", file=sys.stderr, flush=True)
    server.ask(_FILL.format(rows=rows, devices=DEVICES, months=months, month=month))
    vacuum(server)
    server.ask("checkpoint")
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in QUERIES}
    with (
        closing(psycopg2.connect("")) as connection,  # by the environment
        connection.cursor() as cursor,
        open(os.devnull, "w") as sink,  # noqa: PTH123
    ):
        cursor.execute("set role ponto_reports; set max_parallel_workers_per_gather = 0")
        backend = psutil.Process(connection.get_backend_pid())
        for round_ in range(rounds):
            print(f"gaps: round {round_ + 1} of {rounds}", file=sys.stderr, flush=True)
            for name, (query, _) in QUERIES.items():
                began, before = time.perf_counter(), backend.cpu_times()
                cursor.copy_expert(f"copy ({query.format(month=month)}) to stdout with (format csv)", sink)
                after = backend.cpu_times()
                cpu = after.user + after.system - before.user - before.system
                runs[name].append((time.perf_counter() - began, cpu))
        found = []
        for name, (query, _) in QUERIES.items():
            cursor.execute(query.format(month=month))
            count = cursor.rowcount
            cursor.execute(f"explain (analyze, buffers) {query.format(month=month)}")
            plan = [line for (line,) in cursor]
            seconds, cpu_seconds = map(spread, zip(*runs[name], strict=True))
            found.append(Gaps(name, count, seconds, cpu_seconds, plan))
    return Found(server.rows(), found)


def vacuum(server: _Asked) -> None:
    """Vacuum as often as it takes: PostgreSQL's own workers may still look at the table as it was before the fill.

    Raises:
        RuntimeError: they do so for a minute.
    """
    for _ in range(_VACUUMS):
        server.ask("vacuum analyze batida")
        if server.ask(_IS_VISIBLE):
            return
        time.sleep(1)
    raise RuntimeError("VACUUM finds rows that somebody may not see: a transaction is open on the benchmark's database")


def aims(found: Found) -> list[Aim]:
    """Hold each query against its limit."""
    return [
        Aim(f"s of {each.query}, the slowest", QUERIES[each.query][1], each.seconds.most, at_most=True)
        for each in found.queries
    ]


def show(found: Found) -> str:
    """Lay out the queries."""
    rows = [
        [each.query, f"{each.rows:,}", *(f"{value:.2f}" for value in each.seconds), f"{each.cpu.median:.2f}"]
        for each in found.queries
    ]
    head = [f"of {found.punches:,} numbered punches", "gaps and repeats", "s, median", "least", "most", "CPU s"]
    return table([head, *rows])
