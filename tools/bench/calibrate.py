"""`python -m tools.bench.calibrate`: does the simulation behind `ponto plan` predict what the local stack does?

On a stack of its own it fills the queue while the drain is paused, lets it drain, and calibrates the simulation with
that one run; then it predicts the drain of another size at another concurrency, and measures it.

Two things make the emulator unlike AWS, and are modelled, not corrected. It hands over at most 10 messages a batch. And
its pollers are threads of one Python process, which runs one of them at a time: that process is to the simulation what
the database is on AWS, something that all batches share. How long it works on a batch is its CPU time, measured in the
same run. It grows with the queue, which the emulator searches for every batch: sizes far apart are not comparable.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import uuid
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg2

from tools.dlq import event_source as mapping
from tools.kit import target
from tools.kit.errors import CommandError
from tools.local import emulator, postgres
from tools.local.errors import LocalError
from tools.local.stack import Stack, running
from tools.plan.simulation import Pollers, Settings, simulate

BATCH = 10  # messages that the emulator hands over at most
TOLERANCE = 25  # %

_LEAST_CONCURRENCY = 2  # that maximumConcurrency takes
_DEADLINE = 120  # s for a drain

_EXAMPLES = """examples:
  python -m tools.bench.calibrate
  python -m tools.bench.calibrate --punches 6000 4000 --concurrency 5 2 --rounds 5
  python -m tools.bench.calibrate --json

exit status: 0 the prediction is within 25 %, 1 it is not, 2 the stack did not run
"""


class Run(NamedTuple):
    """A drain that was measured."""

    punches: int
    concurrency: int
    seconds: float  # from the first row to the last
    emulator_milliseconds: float  # CPU time a batch
    database_microseconds: float  # CPU time a row

    def __str__(self) -> str:
        rate = self.punches / self.seconds
        return f"{self.punches:,} punches, {self.concurrency} at once: {self.seconds:.2f} s, {rate:,.0f} rows/s"


class Pair(NamedTuple):
    """A drain that calibrates, and one soon after it that was predicted: so both had the machine equally busy."""

    first: Run
    second: Run

    @property
    def settings(self) -> Settings:
        """The simulation's, calibrated."""
        return calibrated(self.first)

    @property
    def predicted(self) -> float:
        """Seconds of the second drain."""
        return predict(self.settings, self.second.punches, self.second.concurrency)

    @property
    def error_percent(self) -> float:
        """How much longer the prediction is."""
        return 100 * (self.predicted - self.second.seconds) / self.second.seconds

    def __str__(self) -> str:
        return (
            f"calibrated {self.first}\n"
            f"         {self.settings.batch_milliseconds:.1f} ms a batch of {BATCH}, "
            f"{self.first.emulator_milliseconds:.2f} of them in the emulator's one process\n"
            f"         predicted {self.predicted:.2f} s\n"
            f"         measured  {self.second}; error {self.error_percent:+.0f} %"
        )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.calibrate",
        description="Calibrates the simulation with one drain of the local stack, and predicts another.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--punches", type=int, nargs=2, default=[6000, 4000], metavar="N", help="of the two drains (6000 4000)"
    )
    parser.add_argument(
        "--concurrency", type=int, nargs=2, default=[2, 5], metavar="N", help="batches at once, 2 or more (2 5)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of both in turn; the median error counts (default 3)")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    if min(arguments.concurrency) < _LEAST_CONCURRENCY or min(arguments.punches) < BATCH or arguments.rounds < 1:
        parser.error(f"a concurrency is {_LEAST_CONCURRENCY} or more, a size {BATCH} or more, rounds are 1 or more")

    # Nothing here may reach AWS, whatever the shell is configured for.
    safe = emulator.environment()
    os.environ.clear()
    os.environ.update(safe)
    try:
        with tempfile.TemporaryDirectory(prefix="ponto-calibrate-", ignore_cleanup_errors=True) as folder:
            state = Path(folder)
            with running(state, _free_port(), say=_say) as stack:
                pairs, row_bytes = _measure(Bench(stack, state), arguments)
    except (LocalError, CommandError) as error:
        _say(str(error))
        return 2

    error_percent = statistics.median(pair.error_percent for pair in pairs)
    within = abs(error_percent) <= TOLERANCE
    if arguments.json:
        document = {
            "rounds": [
                {
                    "calibrated": pair.first._asdict(),
                    "batchMilliseconds": pair.settings.batch_milliseconds,
                    "measured": pair.second._asdict(),
                    "predictedSeconds": pair.predicted,
                    "errorPercent": pair.error_percent,
                }
                for pair in pairs
            ],
            "errorPercent": error_percent,
            "within": within,
            "rowBytes": row_bytes,
        }
        print(json.dumps(document, indent=2))
        return 0 if within else 1
    for number, pair in enumerate(pairs, 1):
        print(f"round {number}: {pair}")
    cpu = statistics.median(pair.first.database_microseconds for pair in pairs)
    print(
        f"error, median: {error_percent:+.0f} % ({'within' if within else 'beyond'} {TOLERANCE} %)\n"
        f"PostgreSQL: {cpu:.0f} us of CPU and {row_bytes:.0f} bytes a row"
    )
    return 0 if within else 1


def calibrated(run: Run) -> Settings:
    """Find the milliseconds of a batch with which the simulation drains as fast as a run did.

    Args:
        run: what was measured.
    """
    service = run.emulator_milliseconds
    shared = BATCH / service * 1000  # rows/s that the emulator's process hands over at most
    low, high = service, 1000 * run.seconds * run.concurrency
    while high - low > 0.001:
        middle = (low + high) / 2
        if predict(_settings(middle, shared, run.concurrency), run.punches, run.concurrency) < run.seconds:
            low = middle
        else:
            high = middle
    return _settings(high, shared, run.concurrency)


def predict(settings: Settings, punches: int, concurrency: int) -> float:
    """Return how many seconds a queue takes to drain.

    Args:
        settings: calibrated.
        punches: in the queue.
        concurrency: batches at once, instead of the settings' own.
    """
    changed = settings._replace(concurrency=concurrency, pollers=Pollers(first=concurrency))
    return simulate([punches], changed).end


def _settings(batch_milliseconds: float, shared: float, concurrency: int) -> Settings:
    # The emulator has all its pollers at once.
    return Settings(concurrency, BATCH, batch_milliseconds, shared, pollers=Pollers(first=concurrency))


class Bench:
    """A running stack whose queue is filled and drained."""

    def __init__(self, stack: Stack, state: Path) -> None:
        """Takes the stack and its folder."""
        self._stack = stack
        self._sqs = stack.client("sqs")
        self._functions = stack.client("lambda")
        self._target = target.find(argparse.Namespace(stage=target.LOCAL, state=state))
        self._database = psycopg2.connect(stack.address.database_url)
        self._database.autocommit = True
        self._runs = 0  # each has an employee of its own, so that its rows are told from others'

    def drain(self, punches: int, concurrency: int) -> Run:
        """Fill the queue while the drain is paused, let it drain, and measure that."""
        self._runs += 1
        mapping.switch(self._target, enabled=False)
        self._allow(concurrency)
        self._fill(punches)
        emulator_before, database_before = self._cpu()
        mapping.switch(self._target, enabled=True)
        seconds = self._wait(punches)
        emulator_after, database_after = self._cpu()
        return Run(
            punches,
            concurrency,
            seconds,
            emulator_milliseconds=1000 * (emulator_after - emulator_before) / (punches / BATCH),
            database_microseconds=1e6 * (database_after - database_before) / punches,
        )

    def row_bytes(self) -> float:
        """Return the size of a row with its indexes."""
        return float(self._query("select pg_total_relation_size('batida')::float / count(*) from batida")[0])

    def _allow(self, concurrency: int) -> None:
        self._functions.put_function_concurrency(
            FunctionName=self._target.function, ReservedConcurrentExecutions=concurrency
        )
        found = self._functions.list_event_source_mappings(FunctionName=self._target.function)["EventSourceMappings"]
        for each in found:
            self._functions.update_event_source_mapping(
                UUID=each["UUID"], ScalingConfig={"MaximumConcurrency": concurrency}
            )

    def _fill(self, punches: int) -> None:
        for start in range(0, punches, BATCH):
            answer = self._sqs.send_message_batch(
                QueueUrl=self._stack.address.queue_url,
                Entries=[{"Id": str(i), "MessageBody": self._punch()} for i in range(min(BATCH, punches - start))],
            )
            if answer.get("Failed"):
                raise LocalError(f"SQS did not take every message: {answer['Failed']}")

    def _punch(self) -> str:
        return json.dumps({"id": str(uuid.uuid4()), "usuarioId": self._runs, "ponto": "2026-10-01T08:00:00-03:00"})

    def _wait(self, punches: int) -> float:
        # The table's own times, for looking more often would slow down what is measured.
        for _ in range(_DEADLINE * 4):
            self._stack.require_running()
            count, seconds = self._query(
                "select count(*), extract(epoch from max(gravada_em) - min(gravada_em))::float, pg_sleep(0.25) "
                "from batida where usuario_id = %s",
                self._runs,
            )[:2]
            if count == punches:
                return float(seconds)
        raise LocalError(f"{punches} punches were not drained within {_DEADLINE} s")

    def _query(self, statement: str, *values: object) -> tuple[float, ...]:
        with self._database.cursor() as cursor:
            cursor.execute(statement, values)
            row: tuple[float, ...] = cursor.fetchone() or ()
            return row

    def _cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of the emulator's process, without its workers, and of PostgreSQL's."""
        return _seconds(self._stack.aws.process.pid), sum(map(_seconds, _processes(self._stack.database)))


def _processes(database: postgres.Postgres) -> list[int]:
    return [database.pid, *(child.pid for child in psutil.Process(database.pid).children())]


def _seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _measure(bench: Bench, arguments: argparse.Namespace) -> tuple[list[Pair], float]:
    most = max(arguments.concurrency)
    _say("warming up")
    bench.drain(100 * most, most)
    pairs = []
    for round_ in range(arguments.rounds):
        first, second = (
            bench.drain(punches, concurrency)
            for punches, concurrency in zip(arguments.punches, arguments.concurrency, strict=True)
        )
        pairs.append(Pair(first, second))
        _say(f"round {round_ + 1} of {arguments.rounds}; load {os.getloadavg()[0]:.1f}")
    return pairs, bench.row_bytes()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((emulator.HOST, 0))
        return int(probe.getsockname()[1])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
