"""What each index costs the drain, and what could make it cheaper: the same table without one, or set otherwise."""

import random
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple
from unittest import mock

import psycopg2.extensions

from lab.bench import growth, numbers
from lab.bench.drain import Run, run
from lab.bench.events import uuid7
from lab.bench.measure import Spread, spread, table
from lab.bench.server import Server
from ponto import store
from ponto.connection import connect

BATCH = 100
AS_IT_IS = "as it is"

_CHANCE = (
    0.1  # by which a share of PostgreSQL's CPU, counted in steps of 10 ms, differs from one measurement to another
)
_MORE = 2  # runs of the table as it is, with which all others are compared, in each round
_BTREES = ("batida_pkey", "batida_usuario_id_ponto_idx")
_NUMBERS = "batida_dispositivo_sequencia_idx"
_BRIN = ("batida_ponto_idx", "batida_recebida_em_idx", "batida_gravada_em_idx")
_SECONDARY = (_BTREES[1], _NUMBERS, *_BRIN)


@contextmanager
def _prepared() -> Iterator[None]:
    """Have the handler prepare its statement on each connection that it keeps."""
    statement = store._STORE

    def prepare(*given: Any, **named: Any) -> psycopg2.extensions.connection:
        connection = connect(*given, **named)
        with connection.cursor() as cursor:
            cursor.execute(f"prepare store (text) as {statement.replace('%(entries)s', '$1')}")
        connection.commit()
        return connection

    with (
        mock.patch("ponto.session.connect", prepare),
        mock.patch.object(store, "_STORE", "execute store (%(entries)s)"),
    ):
        yield


@contextmanager
def _unchecked() -> Iterator[None]:
    """Have the handler insert without looking for duplicates, which needs a unique index."""
    statement = store._STORE.replace("on conflict (id) do nothing", "")
    with mock.patch.object(store, "_STORE", statement):
        yield


class Variant(NamedTuple):
    """A way to have the table."""

    label: str
    change: str = ""  # SQL that makes it of the table as it is
    handler: Callable[[], Any] = nullcontext  # the handler's own change, as a context


def _fillfactor(percent: int) -> str:
    return "; ".join(f"alter index {name} set (fillfactor = {percent}); reindex index {name}" for name in _BTREES)


VARIANTS = (
    Variant(AS_IT_IS),
    *(Variant(f"without `{name}`", f"drop index {name}") for name in _SECONDARY),
    Variant("without any but the primary key", f"drop index {', '.join(_SECONDARY)}"),
    Variant(
        "without any, nor `on conflict`",
        f"drop index {', '.join(_SECONDARY)}; alter table batida drop constraint batida_pkey",
        _unchecked,
    ),
    Variant("B-trees' fillfactor 70 instead of 90", _fillfactor(70)),
    Variant("B-trees' fillfactor 100", _fillfactor(100)),
    Variant(
        "BRIN without `autosummarize`", ";".join(f"alter index {name} set (autosummarize = off)" for name in _BRIN)
    ),
    Variant("the statement prepared on the kept connection", handler=_prepared),
)


class Measured(NamedTuple):
    """A way to have the table, on one of some size."""

    label: str
    rows: int  # before
    milliseconds: Spread  # a batch
    cpu: float  # us a row of PostgreSQL, the median
    time_ratio: float  # of the table as it is in the same round, the median
    cpu_ratio: float


def measure(server: Server, millions: Sequence[float], punches: int, rounds: int) -> list[Measured]:
    """Time the handler with each variant in turn, on tables of some sizes; all punches have numbers.

    Args:
        server: the database.
        millions: rows of each table before.
        punches: for each, in each round, all new.
        rounds: how often.

    Raises:
        RuntimeError: a punch was not stored.
    """
    sizes = [round(number * 1e6) for number in millions]
    runs: dict[tuple[int, Variant], list[list[Run]]] = {(rows, variant): [] for rows in sizes for variant in VARIANTS}
    for rows in sizes:
        server.use(f"indexes_{rows}")
        if rows:
            growth.fill(server, "UUIDv7", rows)
        for place, variant in enumerate(VARIANTS):
            server.use(_name(rows, place), copy_of=f"indexes_{rows}")
            if variant.change:
                server.ask(variant.change)
    for round_ in range(rounds):
        for rows in sizes:
            for variant in VARIANTS:
                runs[rows, variant].append([])
            # In another order each round, for what runs after a large one pays for it.
            for variant in random.sample([*VARIANTS, *[VARIANTS[0]] * _MORE], len(VARIANTS) + _MORE):
                status = f"indexes: round {round_ + 1} of {rounds}, {rows:,} rows, {variant.label}"
                print(status, file=sys.stderr, flush=True)
                database = _name(rows, VARIANTS.index(variant))
                with variant.handler():
                    runs[rows, variant][-1].append(_run(server, database, rows, punches))
    return [
        _summary(rows, variant, list(map(_mean, found)), list(map(_mean, runs[rows, VARIANTS[0]])), punches)
        for (rows, variant), found in runs.items()
    ]


def _mean(found: Sequence[Run]) -> Run:
    return Run(*(statistics.fmean(values) for values in zip(*found, strict=True)))


def _run(server: Server, database: str, rows: int, punches: int) -> Run:
    server.use(database)
    if rows:
        server.ask("checkpoint")
    else:
        server.empty()
    run(server, numbers.numbered(10 * BATCH, uuid7))  # the connection, and what it caches
    before = server.rows()
    took = run(server, numbers.numbered(punches, uuid7))
    if server.rows() != before + punches:
        raise RuntimeError(f"{server.rows() - before:,} rows of {punches:,} punches")
    return took


def _summary(rows: int, variant: Variant, found: Sequence[Run], as_it_is: Sequence[Run], punches: int) -> Measured:
    pairs = list(zip(found, as_it_is, strict=True))
    return Measured(
        variant.label,
        rows,
        spread(1000 * each.seconds * BATCH / punches for each in found),
        statistics.median(1e6 * each.database_cpu / punches for each in found),
        statistics.median(each.seconds / before.seconds for each, before in pairs),
        statistics.median(
            each.database_cpu / before.database_cpu if before.database_cpu else 1 for each, before in pairs
        ),
    )


def show(found: Sequence[Measured]) -> str:
    """Lay out a table for each size, in which a share that differs by more than chance is said to be less or more."""
    return "\n\n".join(
        _show(rows, [each for each in found if each.rows == rows]) for rows in sorted({each.rows for each in found})
    )


def _show(rows: int, found: Sequence[Measured]) -> str:
    head = [
        f"on {rows:,} rows",
        f"ms a batch of {BATCH}",
        "share of the time",
        "PostgreSQL's CPU, us a row",
        "share of it",
        "beyond chance",
    ]
    cells = [
        [
            each.label,
            f"{each.milliseconds.median:.2f} ({each.milliseconds.least:.2f} to {each.milliseconds.most:.2f})",
            f"{each.time_ratio:.2f}",
            f"{each.cpu:.1f}",
            f"{each.cpu_ratio:.2f}",
            "" if abs(each.cpu_ratio - 1) <= _CHANCE else "less" if each.cpu_ratio < 1 else "more",
        ]
        for each in found
    ]
    return table([head, *cells])


def _name(rows: int, place: int) -> str:
    return f"indexes_{rows}_{place}"
