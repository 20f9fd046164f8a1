"""`python -m lab.bench.calibrate`: does the simulation behind `ponto plan` predict what the local stack does?

On a stack of its own it fills the queue while the drain is paused, lets it drain, and calibrates the simulation with
that one run; then it predicts the drain of another size at another concurrency, and measures it.

Two things make the emulator unlike AWS, and are modelled, not corrected. It hands over at most 10 messages a batch. And
its pollers are threads of one Python process, which runs one of them at a time: that process is to the simulation what
the database is on AWS, something that all batches share. How long it works on a batch is its CPU time, measured in the
same run.
"""

import json
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import psutil
import psycopg2

from tools.dlq import event_source
from tools.kit import commands, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, print_json, print_result, print_status
from tools.local import emulator, postgres
from tools.local.errors import LocalError
from tools.local.stack import Stack, running
from tools.plan.simulation import Pollers, Settings, simulate

BATCH = 10  # messages that the emulator hands over at most
TOLERANCE = 25  # %

_LEAST_CONCURRENCY = 2  # that maximumConcurrency takes
_DEADLINE = 120  # s for a drain

_EPILOG = """examples:
  .venv/bin/python -m lab.bench.calibrate
  .venv/bin/python -m lab.bench.calibrate --punches 6000 4000 \\
    --concurrency 5 2 --rounds 5
  .venv/bin/python -m lab.bench.calibrate --json

exit status: 0 the prediction is within 25 %, 1 it is not, 2 the stack did not run
"""


class MeasuredDrain(NamedTuple):
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

    first: MeasuredDrain
    second: MeasuredDrain

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


@commands.command(epilog=_EPILOG)
@click.option(
    "--punches", type=click.IntRange(min=BATCH), nargs=2, default=(6000, 4000), metavar="N N", help="Of the two drains."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=_LEAST_CONCURRENCY),
    nargs=2,
    default=(2, 5),
    metavar="N N",
    help="Batches at once in the two drains.",
)
@click.option("--rounds", type=opt.POSITIVE, default=3, help="Of both in turn; the median error counts.")
@opt.as_json
def calibrate(punches: tuple[int, int], concurrency: tuple[int, int], rounds: int, *, as_json: bool) -> int:
    """Calibrate the simulation behind ponto plan with one drain of a local stack of its own, and predict another."""
    emulator.isolate()
    try:
        with tempfile.TemporaryDirectory(prefix="ponto-calibrate-", ignore_cleanup_errors=True) as folder:
            state = Path(folder)
            with running(state, emulator.free_port(), print_status=print_status) as stack:
                pairs, row_bytes = _measure(Bench(stack, state), punches, concurrency, rounds)
    except LocalError as error:
        raise CommandError(str(error)) from None

    error_percent = statistics.median(pair.error_percent for pair in pairs)
    within = abs(error_percent) <= TOLERANCE
    if as_json:
        print_json(
            {
                "rounds": [
                    {
                        "calibrated": camel_case(pair.first._asdict()),
                        "batchMilliseconds": pair.settings.batch_milliseconds,
                        "measured": camel_case(pair.second._asdict()),
                        "predictedSeconds": pair.predicted,
                        "errorPercent": pair.error_percent,
                    }
                    for pair in pairs
                ],
                "errorPercent": error_percent,
                "within": within,
                "rowBytes": row_bytes,
            }
        )
        return 0 if within else 1
    for number, pair in enumerate(pairs, 1):
        print_result(f"round {number}: {pair}")
    cpu = statistics.median(pair.first.database_microseconds for pair in pairs)
    print_result(
        f"error, median: {error_percent:+.0f} % ({'within' if within else 'beyond'} {TOLERANCE} %)",
        f"PostgreSQL: {cpu:.0f} us of CPU and {row_bytes:.0f} bytes a row",
    )
    return 0 if within else 1


def main(words: Sequence[str] | None = None) -> int:
    """MeasuredDrain the command line; see `commands.run`."""
    return commands.run(calibrate, ".venv/bin/python -m lab.bench.calibrate", words)


def calibrated(run: MeasuredDrain) -> Settings:
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
        self._target = target.find(target.Where(state=state))
        self._database = psycopg2.connect(stack.address.database_url)
        self._database.autocommit = True
        self._runs = 0  # each has an employee of its own, so that its rows are told from others'

    def drain(self, punches: int, concurrency: int) -> MeasuredDrain:
        """Fill the queue while the drain is paused, let it drain, and measure that."""
        self._runs += 1
        event_source.switch(self._target, enabled=False)
        self._allow(concurrency)
        self._fill(punches)
        emulator_before, database_before = self._cpu()
        event_source.switch(self._target, enabled=True)
        seconds = self._wait(punches)
        emulator_after, database_after = self._cpu()
        return MeasuredDrain(
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


def _measure(
    bench: Bench, punches: tuple[int, int], concurrency: tuple[int, int], rounds: int
) -> tuple[list[Pair], float]:
    most = max(concurrency)
    print_status("warming up")
    bench.drain(100 * most, most)
    pairs = []
    for round_ in range(rounds):
        first, second = map(bench.drain, punches, concurrency)
        pairs.append(Pair(first, second))
        print_status(f"round {round_ + 1} of {rounds}; load {os.getloadavg()[0]:.1f}")
    return pairs, bench.row_bytes()


if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())
