"""The reports on a made-up company, against queries straight on the table; and what intake is left beside them."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple, TextIO

import psycopg2

from lab.bench import gaps
from lab.bench.drain import run
from lab.bench.events import chunks
from lab.bench.measure import Aim, Spread, spread, table
from lab.bench.server import Server
from tools.kit.project import ROOT

BATCH = 100
CARDS = 20  # employees whose time cards are read in a round

_LAST_MONTH = "2026-10"  # of the made-up company, so that each run has the same rows

# What `ponto` may do: read, on one core, so that the others are left to the intake.
_READER = "set role ponto_reports; set max_parallel_workers_per_gather = 0"

# What the table itself offers: local time, working day, pairs, then the days that are wanted.
_NAIVE = """
select usuario_id, dia, array_agg(local order by local), sum(local - entrada) filter (where ordem % 2 = 0)
from (
    select *, lag(local) over working_day as entrada, row_number() over working_day as ordem
    from (
        select
            usuario_id,
            ponto at time zone 'America/Sao_Paulo' as local,
            (ponto at time zone 'America/Sao_Paulo' - interval '4 hours')::date as dia
        from batida
    ) as batida
    window working_day as (partition by usuario_id, dia order by local)
) as batida
"""
_MONTH = "where date_trunc('month', dia) = '{month}'"


class Report(NamedTuple):
    """A report and what one would write without it."""

    label: str
    limit: float  # ms
    query: str
    naive: str  # computes less than the report does


REPORTS = {
    "card": Report(
        "a time card",
        50,
        "select * from espelho({employee}, '{month}')",
        f"{_NAIVE} {_MONTH} and usuario_id = {{employee}} group by usuario_id, dia order by dia",
    ),
    "cards": Report(
        "a month's time cards of all, to CSV",
        60_000,
        "select * from espelhos('{month}')",
        f"{_NAIVE} {_MONTH} group by usuario_id, dia order by usuario_id, dia",
    ),
    "exceptions": Report(
        "a month's exceptions; naive: its odd counts",
        10_000,
        "select * from excecoes('{month}', ultimo_dia('{month}'))",
        f"{_NAIVE} {_MONTH} group by usuario_id, dia having count(*) % 2 = 1",
    ),
    "peak": Report(
        "the peak of a day; naive: minutes punched in",
        1_000,
        "select * from pico('{day} 03:00Z', '{day} 03:00Z'::timestamptz + interval '24 hours')",
        "select date_trunc('minute', ponto), count(*) from batida"
        " where (ponto at time zone 'America/Sao_Paulo')::date = '{day}' group by 1 order by 1",
    ),
}


# What people type -> the seconds that it may take. Each writes its file and ends; the interpreter's start is in it.
COMMANDS = {
    "demo": 300.0,  # making up the company and loading it, once
    "report timecard --all --month {month} --format csv": 60.0,
    "report exceptions --from {month}-01 --to {month}-31 --format csv --no-queue": 10.0,
}


class Query(NamedTuple):
    """How long a report took, with all its rows sent, and how PostgreSQL went about it."""

    report: str
    rows: int
    ms: Spread
    naive_ms: Spread
    plan: list[str]  # EXPLAIN (ANALYZE, BUFFERS)
    naive_plan: list[str]


class Found(NamedTuple):
    """Everything that was measured."""

    punches: int
    commands: dict[str, Spread]  # seconds, by what is typed
    queries: list[Query]
    alone: Spread  # rows/s of the handler
    beside: Spread  # the same while reports run
    reports: int  # that ended meanwhile
    gaps: gaps.Found


def measure(server: Server, employees: int, months: int, punches: int, rounds: int) -> Found:
    """Make up a company, time its reports, then the handler alone and beside them, in turn; then gaps among as many.

    Args:
        server: the database.
        employees: of the company.
        months: of their punches.
        punches: for the handler, in each round.
        rounds: how often.

    Raises:
        RuntimeError: the company was not made up.
    """
    server.use("reports")
    commands = {"demo": spread([_load(employees, months)])}
    stored = server.rows()
    commands |= {words: spread(_report(words) for _ in range(rounds)) for words in COMMANDS if words != "demo"}
    queries = _queries(rounds)
    alone, beside, reports = [], [], 0
    run(server, chunks(10 * BATCH, BATCH))  # the connection, and what it caches
    for round_ in range(rounds):
        print(f"reports: intake, round {round_ + 1} of {rounds}", file=sys.stderr, flush=True)
        alone.append(punches / run(server, chunks(punches, BATCH)).seconds)
        with _Reading() as reading:
            beside.append(punches / run(server, chunks(punches, BATCH)).seconds)
        reports += reading.ended()
    numbered = gaps.measure(server, stored, months, f"{_LAST_MONTH}-01", rounds)
    return Found(stored, commands, queries, spread(alone), spread(beside), reports, numbered)


def aims(found: Found) -> list[Aim]:
    """Hold each report against its limit, and the intake beside reports against that without."""
    return [
        *(
            Aim(f"s of ponto {_typed(words)}, the slowest", COMMANDS[words], seconds.most, at_most=True)
            for words, seconds in found.commands.items()
        ),
        *(
            Aim(f"ms of {report.label.partition(';')[0]}, the slowest", report.limit, query.ms.most, at_most=True)
            for query in found.queries
            for report in [REPORTS[query.report]]
        ),
        Aim("intake while reports run, as a share of that without", 0.8, found.beside.median / found.alone.median),
        *gaps.aims(found.gaps),
    ]


def show(found: Found) -> str:
    """Lay out the commands, the reports, and the intake. The plans are in the file."""
    commands = [["s, from the shell and back", "median (least to most)"]]
    for words, seconds in found.commands.items():
        commands.append([f"`{_typed(words)}`", f"{seconds.median:.1f} ({seconds.least:.1f} to {seconds.most:.1f})"])
    queries = [[f"ms on {found.punches:,} punches", "rows", "report", "naive query"]]
    for query in found.queries:
        queries.append([REPORTS[query.report].label, f"{query.rows:,}", str(query.ms), str(query.naive_ms)])
    intake = [
        ["intake, rows/s", "median (least to most)"],
        ["alone", str(found.alone)],
        [f"while {found.reports:,} reports ran", str(found.beside)],
    ]
    return f"{table(commands)}\n\n{table(queries)}\n\n{table(intake)}\n\n{gaps.show(found.gaps)}"


def _load(employees: int, months: int) -> float:
    database = f"{os.environ['DB_HOST']}/{os.environ['DB_NAME']}"
    words = ["demo", "--employees", employees, "--months", months, "--until", _LAST_MONTH, "--yes-into", database]
    return _run(*map(str, words))


def _report(words: str) -> float:
    print(f"reports: {_typed(words)}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="ponto-bench-") as folder:
        return _run(*_typed(words).split(), "--output", str(Path(folder) / "report.csv"))


def _run(*words: str) -> float:
    """Run `ponto`; return seconds."""
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, "-m", "tools.cli", *words], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        raise RuntimeError(f"ponto {words[0]} ended with {ended.returncode}")
    return time.perf_counter() - began


def _typed(words: str) -> str:
    return words.format(month=_LAST_MONTH)


def _queries(rounds: int) -> list[Query]:
    connection = _connect()
    found = []
    with connection.cursor() as cursor, open(os.devnull, "w") as sink:  # noqa: PTH123
        cursor.execute(f"select usuario_id from espelho_totais('{_LAST_MONTH}-01') where dias_trabalhados > 0")  # noqa: S608
        employees = [number for (number,) in cursor]
        employees = employees[:: max(1, len(employees) // CARDS)][:CARDS]
        for name, report in REPORTS.items():
            ms: list[float] = []
            naive: list[float] = []
            for round_ in range(rounds):
                print(f"reports: {name}, round {round_ + 1} of {rounds}", file=sys.stderr, flush=True)
                for employee in employees if name == "card" else employees[:1]:
                    ms.append(_time(cursor, sink, _fill(report.query, employee)))
                naive.append(_time(cursor, sink, _fill(report.naive, employees[0])))
            query = _fill(report.query, employees[0])
            cursor.execute(query)
            rows = cursor.rowcount
            plans = [_plan(cursor, query), _plan(cursor, _fill(report.naive, employees[0]))]
            found.append(Query(name, rows, spread(ms), spread(naive), *plans))
    connection.close()
    return found


def _connect() -> psycopg2.extensions.connection:
    connection = psycopg2.connect("")  # by the environment
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(_READER)
    return connection


def _fill(statement: str, employee: int) -> str:
    return statement.format(employee=employee, month=f"{_LAST_MONTH}-01", day=f"{_LAST_MONTH}-15")


def _time(cursor: psycopg2.extensions.cursor, sink: TextIO, query: str) -> float:
    """Send the rows of a query to the sink, as CSV; return milliseconds."""
    began = time.perf_counter()
    cursor.copy_expert(f"copy ({query}) to stdout with (format csv)", sink)
    return 1000 * (time.perf_counter() - began)


def _plan(cursor: psycopg2.extensions.cursor, query: str) -> list[str]:
    cursor.execute(f"explain (analyze, buffers) {query}")
    return [line for (line,) in cursor]


class _Reading:
    """Reports in a process of their own, one after the other, as long as the block runs."""

    def __enter__(self) -> "_Reading":
        fresh = multiprocessing.get_context("spawn")
        self._began, self._stop = fresh.Event(), fresh.Event()
        self._ended = fresh.Queue()
        self._process = fresh.Process(target=_read, args=(self._began, self._stop, self._ended))
        self._process.start()
        if not self._began.wait(60):
            self._process.kill()
            raise RuntimeError("the reports did not begin within a minute")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._count = self._ended.get(timeout=600)
        self._process.join()

    def ended(self) -> int:
        """Tell how many reports ended."""
        return int(self._count)


def _read(began: Event, stop: Event, ended: "multiprocessing.Queue[int]") -> None:
    connection = _connect()
    count = 0
    with connection.cursor() as cursor, open(os.devnull, "w") as sink:  # noqa: PTH123
        cursor.execute("select min(usuario_id) from funcionario")
        (employee,) = cursor.fetchone() or (1,)
        while not stop.is_set():
            for report in REPORTS.values():
                began.set()
                _time(cursor, sink, _fill(report.query, employee))
                count += 1
                if stop.is_set():
                    break
    ended.put(count)
