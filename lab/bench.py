"""`make bench`: measures the handler beside the original's way of storing a batch, with and without a delay."""

import contextlib
import json
import multiprocessing
import os
import platform
import random
import shutil
import socket
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import psycopg2
from psycopg2.extensions import parse_dsn

import handler
from lab.simulate.queue import QueueMessage
from ponto.schema.migrations import BASE_FOLDERS, migrate
from tools.kit import commands, event, shared_options, tables
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_status
from tools.kit.tables import Column
from tools.local import socket_folder
from tools.local.errors import LocalError
from tools.local.temporary import temporary_server

_MAX_CHUNK_BYTES = 1 << 16
_ORIGINAL_SHARE = 0.1  # of the punches, because it is slow

_EPILOG = """examples:
  make bench
  make bench ARGS="--rounds 5 --delay 0 --delay 0.5 --delay 2.5"
  make bench ARGS="--batch 100 --batch 250 --batch 500"
  make bench ARGS="--json"

Each figure is the median of the rounds, in rows/s on one connection, from the SQS event to the response.

exit status: 0 everything was measured, 2 the request is wrong, or PostgreSQL failed
"""

Event = dict[str, Any]


class LambdaContext:
    """Lambda's context object, with the attributes that the handler uses."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Return one minute."""
        return 60_000


def store_as_the_original(batch: Event, context: object) -> None:  # noqa: ARG001  signature of Lambda
    """Insert the punches of a batch as the proof of concept of 2020 did: a connection per batch, an INSERT per punch.

    It keeps the faults of the original, including those of security: never use it.
    """
    with closing(psycopg2.connect("")) as connection, connection.cursor() as cursor:  # libpq reads PG*
        for record in batch["Records"]:
            punch = json.loads(record["body"])
            cursor.execute(
                "INSERT INTO ponto.batida (id, usuario_id, ponto) VALUES "  # noqa: S608  as in the original
                f"('{punch['id']}', {punch['usuarioId']}, '{punch['ponto']}')"
            )
        connection.commit()


_WAYS: dict[str, Callable[[Event, Any], object]] = {"original": store_as_the_original, "handler": handler.main}


def make_event(size: int) -> Event:
    """Return an event with a batch of new, good punches."""
    records = []
    for _ in range(size):
        fields = {"id": str(uuid.uuid4()), "offline": True}
        body = event.body(random.randint(1, 1_000_000), "2026-10-01T08:00:00-03:00", **fields)
        message = QueueMessage(str(uuid.uuid4()), json.dumps(body), None, 0, {})
        message.receive_count = 1
        records.append(message.record())
    return {"Records": records}


def _forward(source: socket.socket, sink: socket.socket, seconds: float) -> None:
    with contextlib.suppress(OSError):  # the other side is gone
        while chunk := source.recv(_MAX_CHUNK_BYTES):
            time.sleep(seconds)
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _serve(listener: socket.socket, server: str, seconds: float) -> None:
    """Forward each connection; connecting takes a round trip, as with TCP, and each chunk half of one."""
    with ThreadPoolExecutor(64) as threads:
        while True:
            client, _ = listener.accept()
            time.sleep(seconds)
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(server)
            threads.submit(_forward, client, upstream, seconds / 2)
            threads.submit(_forward, upstream, client, seconds / 2)


@contextmanager
def delay(folder: str, milliseconds: float) -> Iterator[str]:
    """Yield the folder of a socket that leads to PostgreSQL's, and adds a round trip.

    The proxy is a process of its own, so that it does not share the interpreter's lock with the measured code.
    """
    if not milliseconds:
        yield folder
        return
    own = socket_folder.create()
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(own / socket_folder.SOCKET))
            listener.listen()
            words = (listener, str(Path(folder) / socket_folder.SOCKET), milliseconds / 1000)
            proxy = multiprocessing.get_context("spawn").Process(target=_serve, args=words, daemon=True)
            proxy.start()
        try:
            yield str(own)
        finally:
            proxy.kill()
            proxy.join()
    finally:
        shutil.rmtree(own)


def _connect(url: str, folder: str) -> None:
    """Make both ways connect through the socket in `folder`: the handler reads DB_*, libpq PG*."""
    owner = parse_dsn(url)
    for name in [name for name in os.environ if name.startswith(("DB_", "PG"))]:
        del os.environ[name]
    os.environ |= {"DB_HOST": folder, "DB_NAME": owner["dbname"], "DB_USER": owner["user"]}
    os.environ |= {"PGHOST": folder, "PGDATABASE": owner["dbname"], "PGUSER": owner["user"]}
    os.environ |= {"DLQ_URL": "unused, because every punch is good", "TIME_ZONE": "America/Sao_Paulo"}
    handler.environment_drain.cache_clear()


def _measure(url: str, folder: str, way: str, batch: int, punches: int) -> float:
    """Store punches in an empty table; return rows/s. A first batch, which connects, is not measured.

    Raises:
        CommandError: not all punches were stored.
    """
    _connect(url, folder)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        # In the role `replica` the trigger that forbids a truncate does not fire.
        cursor.execute("set session_replication_role = replica; truncate ponto.batida")
        cursor.execute("checkpoint")
        context = LambdaContext()
        events = [make_event(batch) for _ in range(punches // batch + 1)]
        with open(os.devnull, "w") as log, contextlib.redirect_stdout(log):  # noqa: PTH123
            _WAYS[way](events[0], context)
            began = time.perf_counter()
            for batch_event in events[1:]:
                _WAYS[way](batch_event, context)
            seconds = time.perf_counter() - began
        cursor.execute("select count(*) from ponto.batida")
        if (rows := cursor.fetchone()) != (batch * len(events),):
            raise CommandError(f"{way} stored {rows} of {batch * len(events)} punches")
    return batch * (len(events) - 1) / seconds


def measure(
    url: str, folder: str, delays: tuple[float, ...], batches: tuple[int, ...], rounds: int, punches: int
) -> list[dict[str, Any]]:
    """Measure each way with each delay and batch size in turn, round by round, so that other load meets all alike."""
    cases = [(milliseconds, batch, way) for milliseconds in delays for batch in batches for way in _WAYS]
    rates: dict[tuple[float, int, str], list[float]] = {case: [] for case in cases}
    with contextlib.ExitStack() as stack:
        folders = {milliseconds: stack.enter_context(delay(folder, milliseconds)) for milliseconds in delays}
        for number in range(rounds):
            print_status(f"bench: round {number + 1} of {rounds}")
            for milliseconds, batch, way in cases:
                count = round(punches * (_ORIGINAL_SHARE if way == "original" else 1) / (5 if milliseconds else 1))
                rate = _measure(url, folders[milliseconds], way, batch, max(count, batch))
                rates[milliseconds, batch, way].append(rate)
    return [
        {"delayMs": milliseconds, "batch": batch, "way": way}
        | {"median": round(statistics.median(values)), "least": round(min(values)), "most": round(max(values))}
        for (milliseconds, batch, way), values in rates.items()
    ]


def _print_table(results: list[dict[str, Any]]) -> None:
    columns = [Column("delay, ms", align_right=True), Column("a batch", align_right=True), Column("way")]
    columns += [Column(name, align_right=True) for name in ("rows/s, median", "least", "most")]
    tables.show(columns, [[*map(str, row.values())] for row in results])


@commands.command(epilog=_EPILOG)
@click.option(
    "--delay",
    "delays",
    type=click.FloatRange(0, 1_000),
    multiple=True,
    default=(0, 0.5),
    metavar="MS",
    help="Round trip to PostgreSQL that is added; repeatable.",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1, 1_000),
    multiple=True,
    default=(10, 100),  # deployed by the original, and by this project
    metavar="N",
    help="Punches in a batch; repeatable.",
)
@click.option("--rounds", type=click.IntRange(1), default=5, metavar="N", help="Number of rounds.")
@click.option(
    "--punches",
    type=click.IntRange(5_000),
    default=50_000,
    metavar="N",
    help="Punches of the handler in each round; the original gets a tenth, and a delay leaves a fifth.",
)
@shared_options.as_json
def bench(delays: tuple[float, ...], batches: tuple[int, ...], rounds: int, punches: int, *, as_json: bool) -> None:
    """Measure the handler beside the original's way of storing a batch, on a temporary PostgreSQL."""
    environment = dict(os.environ)
    began, load = time.strftime("%Y-%m-%d", time.gmtime()), os.getloadavg()[0]
    try:
        with temporary_server() as server:
            migrate(parse_dsn(server.url), "America/Sao_Paulo", BASE_FOLDERS)
            results = measure(server.url, server.host, delays, batches, rounds, punches)
            handler.environment_drain.cache_clear()
    except (psycopg2.Error, LocalError) as error:
        raise CommandError(str(error)) from None
    finally:
        os.environ.clear()
        os.environ.update(environment)
    machine = {"began": began, "python": platform.python_version(), "cores": os.cpu_count(), "load": round(load, 1)}
    if as_json:
        print_json({"machine": machine, "results": results})
    else:
        _print_table(results)


def main() -> int:
    """Run the command line of the process."""
    return commands.run(bench, "make bench")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
