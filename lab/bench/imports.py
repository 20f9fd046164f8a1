"""`python -m lab.bench.imports`: how fast a file of punches gets from the bucket into the queue, and at what cost.

On a stack of its own. The emulator is one Python process: its gateway, queue and pollers share one core, and so do the
import and the drain. So it is measured with the drain as it is, or paused (--paused).
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import click
import psutil
import psycopg2

from lab.bench.measure import Aim, table
from lab.bench.server import cpu_of
from tools.dlq import event_source
from tools.kit import commands, osls, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, print_json, print_result, print_status
from tools.local import emulator
from tools.local.errors import LocalError
from tools.local.stack import STAGE, Stack, running

MINUTES = 5  # that a million lines may take
MB = 200  # that the function may use

_KEY = "punches.ndjson"
_LOOK = 0.5  # s between two looks at the bucket and at the processes
_STATUS = 15  # s between two lines of progress: the emulator counts its queue message by message
_FIRST, _BEYOND = 4_000_000_000, 5_000_000_000  # the employees
_DAYS = 28  # of an employee's punches
_DEADLINE = 3_600  # s without an end

_EPILOG = """examples:
  .venv/bin/python -m lab.bench.imports
  .venv/bin/python -m lab.bench.imports --lines 100000 --paused
  .venv/bin/python -m lab.bench.imports --lines 100000 --json

exit status: 0 measured, whether aims are met or missed; 2 the stack did not run, or the import failed
"""


class Cpu(NamedTuple):
    """CPU seconds."""

    importer: float  # the function that imports
    emulator: float
    drain: float  # the function that drains, all its processes
    database: float


class Import(NamedTuple):
    """A file that was imported."""

    lines: int
    mb: float  # of the file
    paused: bool  # the drain was
    seconds: float  # from the upload's begin to the summary
    peak_mb: float  # of the function's resident memory
    cpu: Cpu  # meanwhile
    rows: int  # of its punches that were stored meanwhile
    seconds_after: float  # that the drain was watched for afterwards
    rows_after: int  # that it stored in these
    load: float  # average, at the end

    @property
    def lines_per_second(self) -> float:
        return self.lines / self.seconds


@commands.command(epilog=_EPILOG)
@click.option("--lines", type=opt.POSITIVE, default=1_000_000, metavar="N", help="Of the file, each a new punch.")
@click.option("--paused", is_flag=True, show_default=False, help="Pause the drain until the import is done.")
@click.option(
    "--after", type=opt.FloatRange(0, 3_600), default=30.0, metavar="S", help="Watch the drain so long afterwards."
)
@opt.as_json
def imports(lines: int, after: float, *, paused: bool, as_json: bool) -> None:
    """Measure the import of a file on a local stack of its own."""
    emulator.isolate()
    try:
        with tempfile.TemporaryDirectory(prefix="ponto-imports-", ignore_cleanup_errors=True) as folder:
            state = Path(folder)
            with running(state, emulator.free_port(), print_status=print_status) as stack:
                found = measure(stack, state, lines, after, paused=paused)
                stack.client("sqs").purge_queue(QueueUrl=stack.address.queue_url)  # or it would be saved
    except (LocalError, RuntimeError) as error:
        raise CommandError(str(error)) from None
    if as_json:
        document = camel_case(found._asdict() | {"cpu": found.cpu._asdict()})
        print_json(document | {"linesPerSecond": found.lines_per_second, "cores": os.cpu_count()})
    else:
        print_result(*show(found).split("\n"), "", *map(str, aims(found)))


def measure(stack: Stack, state: Path, lines: int, after: float, *, paused: bool) -> Import:
    """Upload a file, and wait until it is imported.

    Args:
        stack: a running one.
        state: its folder.
        lines: of the file, each a punch that the database does not have.
        after: seconds that the drain is watched for afterwards.
        paused: pause the drain until the import is done.

    Raises:
        RuntimeError: the import failed, or did not end within an hour.
    """
    where = target.find(target.Where(state=state))
    if paused:
        event_source.switch(where, enabled=False)
    try:
        with tempfile.TemporaryFile(dir=state) as file:
            _, first = stored(stack)
            write(file, lines, first)
            mb = file.tell() / 1e6
            file.seek(0)
            watch = _Watch(stack, where)
            began = watch.look()
            peak = _send(stack, where.import_function, file, lines, watch)
        ended = watch.look()
    finally:
        if paused:
            event_source.switch(where, enabled=True)
    resumed = watch.look()
    time.sleep(after)
    last = watch.look()
    return Import(
        lines,
        mb,
        paused,
        ended.time - began.time,
        peak,
        Cpu(*(after - before for before, after in zip(began.cpu, ended.cpu, strict=True))),
        ended.rows - began.rows,
        last.time - resumed.time,
        last.rows - resumed.rows,
        os.getloadavg()[0],
    )


def aims(found: Import) -> list[Aim]:
    """Hold the seconds and the memory against what they may be."""
    return [
        Aim("s for a million lines, into the queue", 60 * MINUTES, 1_000_000 / found.lines_per_second, at_most=True),
        Aim("MB of the function, at its peak", MB, found.peak_mb, at_most=True),
    ]


def show(found: Import) -> str:
    """Lay out the import, and what the drain did meanwhile and afterwards."""
    waiting = found.lines - found.rows
    after = f"{found.rows_after / found.seconds_after:,.0f}" if found.rows_after else "0"
    rows = [
        [f"{found.lines:,} lines, {found.mb:,.1f} MB", "drain paused" if found.paused else "drain running"],
        ["seconds into the queue", f"{found.seconds:,.1f}"],
        ["lines/s", f"{found.lines_per_second:,.0f}"],
        ["peak memory of the function, MB", f"{found.peak_mb:,.0f}"],
        *(
            [f"CPU of {who}, s (us a line)", f"{seconds:,.1f} ({1e6 * seconds / found.lines:,.0f})"]
            for who, seconds in zip(
                ("the function", "the emulator", "the drain's functions", "PostgreSQL"), found.cpu, strict=True
            )
        ),
        ["rows stored meanwhile", f"{found.rows:,} ({found.rows / found.lines:.1%})"],
        ["rows/s meanwhile", f"{found.rows / found.seconds:,.0f}"],
        [f"rows/s of the {found.seconds_after:,.0f} s afterwards, {waiting:,} waiting", after],
        ["load average at the end", f"{found.load:.1f}"],
    ]
    return table(rows)


def write(file: IO[bytes], lines: int, first: int = _FIRST) -> None:
    """Write punches.

    Args:
        file: where to.
        lines: how many.
        first: their first employee; the next ones are of the numbers after it.
    """
    for start in range(0, lines, 10_000):
        file.write(b"".join(_line(first, number) for number in range(start, min(lines, start + 10_000))))


def _line(first: int, number: int) -> bytes:
    return b'{"usuarioId": %d, "ponto": "2026-10-%02dT08:00:00Z"}\n' % (first + number // _DAYS, 1 + number % _DAYS)


def stored(stack: Stack) -> tuple[int, int]:
    """Count the rows of such punches; give the first employee who has none, too."""
    with closing(psycopg2.connect(stack.address.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), coalesce(max(usuario_id) + 1, %s) from batida where usuario_id between %s and %s",
            [_FIRST, _FIRST, _BEYOND],
        )
        rows, first = cursor.fetchone() or (0, _FIRST)
        return rows, first


class Moment(NamedTuple):
    """What was stored, and used up, until an instant."""

    time: float
    rows: int
    cpu: Cpu


class Meter:
    """The CPU seconds of processes, of those that end too: of these until the last look at them."""

    def __init__(self) -> None:
        self._seconds: dict[psutil.Process, float] = {}

    def look(self, processes: Sequence[psutil.Process]) -> float:
        """Give what they used until now, with those of earlier looks."""
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._seconds[process] = times.user + times.system
        return sum(self._seconds.values())


class _Watch:
    """The stack while a file is imported."""

    def __init__(self, stack: Stack, where: target.Target) -> None:
        self._stack, self._where = stack, where
        self._importer, self._drain = Meter(), Meter()

    def cpu(self) -> Cpu:
        """Look at the processes: often, for functions' processes end."""
        return Cpu(
            self._importer.look(workers(self._stack, self._where.import_function)),
            Meter().look([psutil.Process(self._stack.aws.process.pid)]),
            self._drain.look(workers(self._stack, self._where.function)),
            cpu_of(psutil.Process(self._stack.database.pid)),
        )

    def look(self) -> Moment:
        """Look at everything."""
        rows, _ = stored(self._stack)
        return Moment(time.monotonic(), rows, self.cpu())


def _send(stack: Stack, import_function: str, file: IO[bytes], lines: int, watch: _Watch) -> float:
    """Upload the file and wait for its summary; return the function's peak memory, MB.

    Raises:
        RuntimeError: it is not coming.
    """
    s3, sqs = stack.client("s3"), stack.client("sqs")
    bucket = osls.outputs_of(stack.client("cloudformation"), STAGE)["UploadBucketName"]
    began = told = time.monotonic()
    version = s3.put_object(Bucket=bucket, Key=f"incoming/{_KEY}", Body=file)["VersionId"]
    results = f"results/{_KEY}/{version}/"
    peak = 0.0
    while True:
        peak = max([peak, *map(peak_mb, workers(stack, import_function))])
        watch.cpu()
        found = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=results).get("Contents", [])}
        if found == {f"{results}summary.json"}:
            return peak
        now = time.monotonic()
        if found or now > began + _DEADLINE or _depth(sqs, stack.address.dlq_url):
            raise RuntimeError(f"the import failed; the emulator's log says why: {stack.aws.log}")
        if now > told + _STATUS:
            told = now
            (rows, _), waiting = stored(stack), _depth(sqs, stack.address.queue_url)
            print_status(
                f"imports: {now - began:.0f} s, {rows + waiting:,} of {lines:,} lines sent, {rows:,} of them stored"
            )
        time.sleep(_LOOK)


def _depth(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def workers(stack: Stack, function: str) -> list[psutil.Process]:
    """Give the processes in which the emulator runs a function."""
    found = []
    for child in psutil.Process(stack.aws.process.pid).children():
        # Ended; of a zombie, only root may ask for the environment.
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if child.environ().get("AWS_LAMBDA_FUNCTION_NAME") == function:
                found.append(child)
    return found


def peak_mb(process: psutil.Process) -> float:
    """Give the most memory that a process ever had, MB: VmHWM, as the kernel has it."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
        return 0.0
    return sum(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024 / 1e6


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(imports, ".venv/bin/python -m lab.bench.imports", words)


if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())
