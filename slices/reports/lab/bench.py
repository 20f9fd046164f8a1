"""Benchmark of the reports on the company of `ponto demo`: commands, and their queries compared with naive queries."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a class

from lab.bench.harness import BenchCase, Part, Reading, ResultColumn, ResultTable, Sizes, measure_cases
from lab.bench.server import BenchServer
from tools.kit.project import ROOT

_LAST_MONTH = "2026-10"  # of the company; fixed, so that each run has the same rows
_SAMPLE_SIZE = 20  # number of employees whose time cards are read in turn

# The session settings of `ponto report`: read only, and on one core, so that the others are free for the intake.
_READER_SESSION = "set role ponto_reader; set max_parallel_workers_per_gather = 0"

# Without the report functions: local time, working day and pairs of all punches, then a filter by day.
_NAIVE = """
select usuario_id, dia, array_agg(local order by local), sum(local - entrada) filter (where ordem % 2 = 0)
from (
    select *, lag(local) over working_day as entrada, row_number() over working_day as ordem
    from (
        select
            usuario_id,
            ponto at time zone 'America/Sao_Paulo' as local,
            (ponto at time zone 'America/Sao_Paulo' - interval '4 hours')::date as dia
        from ponto.batida
    ) as batida
    window working_day as (partition by usuario_id, dia order by local)
) as batida
"""
_MONTH = "where date_trunc('month', dia) = '{month}'"


class ComparedQuery(NamedTuple):
    """Query of a report, and the query that a user would write without the report functions."""

    title: str
    report: str
    naive: str  # computes less than the report


REPORTS = (
    ComparedQuery(
        "a time card",
        "select * from ponto.espelho({employee_id}, '{month}')",
        f"{_NAIVE} {_MONTH} and usuario_id = {{employee_id}} group by usuario_id, dia order by dia",
    ),
    ComparedQuery(
        "time cards of all employees for a month, as CSV",
        "select * from ponto.espelhos('{month}')",
        f"{_NAIVE} {_MONTH} group by usuario_id, dia order by usuario_id, dia",
    ),
    ComparedQuery(
        "exceptions of a month; naive: only incomplete days",
        "select * from ponto.excecoes('{month}', ponto.ultimo_dia('{month}'))",
        f"{_NAIVE} {_MONTH} group by usuario_id, dia having count(*) % 2 = 1",
    ),
)

# Commands that users run; each writes a file.
COMMANDS = (
    f"report timecard --all --month {_LAST_MONTH} --format csv",
    f"report exceptions --from {_LAST_MONTH}-01 --to {_LAST_MONTH}-31 --format csv --no-queue",
)

_COLUMNS = {
    "what": ResultColumn("what"),
    "by": ResultColumn("by"),
    "rows": ResultColumn("rows"),
    "ms": ResultColumn("ms, median (least to most)"),
}


def measure(server: BenchServer, sizes: Sizes) -> list[ResultTable]:
    """Store a demo company, then measure the commands and the queries, the latter with their plans.

    Raises:
        RuntimeError: a command failed.
    """
    server.use_database("reports")
    demo = BenchCase({"what": "demo", "by": "command"}, partial(_measure_demo, sizes.employees, sizes.months))
    rows = measure_cases("reports", [demo], rounds=1)
    with closing(psycopg2.connect("")) as connection, connection.cursor() as cursor:  # libpq reads PG*
        connection.autocommit = True
        cursor.execute(_READER_SESSION)
        cursor.execute(f"select usuario_id from ponto.espelho_totais('{_LAST_MONTH}-01') where dias_trabalhados > 0")  # noqa: S608
        employee_ids = [number for (number,) in cursor]
        sampled_ids = employee_ids[:: max(1, len(employee_ids) // _SAMPLE_SIZE)][:_SAMPLE_SIZE]
        commands = [
            BenchCase({"what": arguments, "by": "command"}, partial(_measure_command, arguments))
            for arguments in COMMANDS
        ]
        rows += measure_cases("reports", commands, sizes.rounds)
        queries = {
            (query_pair.title, by): getattr(query_pair, by) for query_pair in REPORTS for by in ("report", "naive")
        }
        cases = [
            BenchCase({"what": title, "by": by}, partial(_measure_query, cursor, query, cycle(sampled_ids)))
            for (title, by), query in queries.items()
        ]
        for row, query in zip(measure_cases("reports", cases, sizes.rounds), queries.values(), strict=True):
            rows.append(row._replace(facts=row.facts | {"plan": _explain(cursor, query, sampled_ids[0])}))
    return [ResultTable(_COLUMNS, rows, f"On {server.row_count():,} punches:")]


def _measure_demo(employee_count: int, months: int) -> dict[str, float]:
    database = f"{os.environ['DB_HOST']}/{os.environ['DB_NAME']}"
    arguments = ["--employees", employee_count, "--months", months, "--until", _LAST_MONTH, "--yes-into", database]
    return _ponto("demo", *map(str, arguments))


def _measure_command(arguments: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="ponto-bench-") as folder:
        return _ponto(*arguments.split(), "--output", str(Path(folder) / "report.csv"))


def _ponto(*arguments: str) -> dict[str, float]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "tools.cli", *arguments, "--database", "env"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise RuntimeError(f"ponto {arguments[0]} exited with status {result.returncode}")
    return {"ms": 1000 * (time.perf_counter() - started)}


def _fill_placeholders(statement: str, employee_id: int) -> str:
    return statement.format(employee_id=employee_id, month=f"{_LAST_MONTH}-01", day=f"{_LAST_MONTH}-15")


def _measure_query(cursor: Cursor, statement: str, employee_ids: Iterator[int]) -> dict[str, float]:
    """Measure a query whose rows are sent as CSV and discarded; each call takes the next employee."""
    query = _fill_placeholders(statement, next(employee_ids))
    with open(os.devnull, "w") as sink:  # noqa: PTH123
        started = time.perf_counter()
        cursor.copy_expert(f"copy ({query}) to stdout with (format csv)", sink)
        return {"ms": 1000 * (time.perf_counter() - started), "rows": cursor.rowcount}


def _explain(cursor: Cursor, statement: str, employee_id: int) -> list[str]:
    cursor.execute(f"explain (analyze, buffers) {_fill_placeholders(statement, employee_id)}")
    return [line for (line,) in cursor]


def _measure_time_card(server: BenchServer, employee_count: int) -> float:
    employee_id = random.randint(1, employee_count)
    started = time.perf_counter()
    server.query(f"select count(*) from ponto.espelho({employee_id}, ponto.primeiro_dia(current_date) - 1)")  # noqa: S608
    return 1000 * (time.perf_counter() - started)


PARTS = {"reports": Part("reports of a demo company, beside the queries that one would write without them", measure)}
READINGS = {"card_ms": Reading("a time card of last month", _measure_time_card)}
