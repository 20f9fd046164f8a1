"""`make loadtest`: sends load with JMeter, and checks that every accepted punch became a row or a dead letter."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from loadtest import jmeter, picture, proof
from loadtest import summary as summaries
from loadtest import system as systems
from loadtest.jmeter import FOLDER, JMeter
from loadtest.proof import RunTable
from loadtest.results import ResultsTail, read_samples, summarize
from loadtest.summary import LoadResult, TestPlan
from loadtest.system import TargetSystem
from tools.kit import commands, files, shared_options, target
from tools.kit.errors import CommandError
from tools.kit.local_stack import STATE
from tools.kit.output import confirm, print_json, print_status
from tools.kit.target import TargetOptions
from tools.operate.plan import costs, settings
from tools.operate.plan.peak import Peak

_STOP_TIMEOUT_SECONDS = 10  # for JMeter to end
_INTERRUPTED_STATUS = 130
# The price is computed for a stage with the defaults of serverless.yml, by the list prices of one region.
_PRICED_STAGE = "prod"
# Pause at the end of the open model, because JMeter interrupts unanswered requests when the schedule ends.
_PAUSE_SECONDS = 3
_OPEN_RATE = 200  # arrivals/s, each on a new connection: a quarter of what the local stack can answer on 2 cores

_EPILOG = """examples:
  make loadtest                                          200 threads x 100 loops, then 200 arrivals/s for 20 s
  make loadtest ARGS="--repeats 5 --malformed 2"         also 5 % duplicates and 2 % malformed requests
  make loadtest ARGS="--duration 600 --rate 100"         a soak test: ten minutes, 100 requests/s
  make loadtest STAGE=dev ARGS="--rate 500"              a stage on AWS; asks before it causes costs

exit status: 0 every accepted punch is one row or a dead letter, 1 a punch is missing or stored twice,
2 a requirement is missing or the request is wrong, 4 like 0, but some requests failed, 130 after Ctrl-C
"""


@dataclass(frozen=True)
class LoadTestCollaborators:
    """Functions that find JMeter and the system; tests replace them."""

    find_jmeter: Callable[[], JMeter] = jmeter.find_jmeter
    find_system: Callable[[str | None, TargetOptions], TargetSystem] = systems.find_system


@commands.command(epilog=_EPILOG)
@click.option(
    "--repeats",
    type=shared_options.PERCENT,
    default=0,
    metavar="PERCENT",
    help="Share of the punches that are sent twice.",
)
@click.option(
    "--malformed",
    type=shared_options.PERCENT,
    default=0,
    metavar="PERCENT",
    help="Additional malformed requests, as a share of the punches.",
)
@click.option(
    "--threads",
    type=shared_options.POSITIVE,
    default=200,
    metavar="N",
    help="Concurrent users, each with its own connection.",
)
@click.option("--loops", type=shared_options.POSITIVE, metavar="N", help="Punches of each thread (default 100).")
@click.option(
    "--ramp-up", type=shared_options.POSITIVE, default=1, metavar="SECONDS", help="Time until all threads run."
)
@click.option(
    "--duration", type=shared_options.POSITIVE, metavar="SECONDS", help="Duration of a soak test, in place of --loops."
)
@click.option(
    "--rate", type=shared_options.POSITIVE, metavar="N", help="Maximum requests/s of all threads (default: no limit)."
)
@click.option(
    "--open-rate",
    type=shared_options.COUNT,
    metavar="N",
    help=f"Arrivals/s of the open model, which runs second; 0: skip it (default {_OPEN_RATE}, at most --rate).",
)
@click.option(
    "--open-seconds", type=shared_options.POSITIVE, default=20, metavar="SECONDS", help="Duration of the open model."
)
@click.option(
    "--patience",
    type=shared_options.POSITIVE,
    default=180,
    metavar="SECONDS",
    help="Stop waiting for rows when none was added for this time.",
)
@click.option("--stage", "stage_name", help="Stage to load; make sets it to STAGE (default: the local stack).")
@shared_options.state
@target.account_options
@shared_options.yes
@shared_options.as_json
@click.make_pass_decorator(LoadTestCollaborators, ensure=True)
def loadtest(
    collaborators: LoadTestCollaborators,
    repeats: int,
    malformed: int,
    threads: int,
    loops: int | None,
    ramp_up: int,
    duration: int | None,
    rate: int | None,
    open_rate: int | None,
    open_seconds: int,
    patience: int,
    stage_name: str | None,
    target_options: TargetOptions,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Send load with JMeter to the local stack or a stage on AWS, and check what became of every accepted punch.

    A closed model runs first: each of a number of users waits for an answer before the next punch.
    An open model follows: punches arrive at a steady rate, whether or not the system keeps up.

    Each accepted punch is looked up by its id. summary.json, arrivals.png, results.jtl and the report of JMeter are
    written to the folder loadtest of the state folder. The rows stay.
    """
    common_properties: dict[str, object] = {"repeats": repeats, "malformed": malformed}
    request_factor = 1 + (repeats + malformed) / 100
    loops = loops or (-1 if duration else 100)
    plan_options = {"threads": threads, "loops": loops, "rampUp": ramp_up, "duration": duration, "rate": rate}
    # The plan has defaults for the options that are not given.
    closed_properties = {name: value for name, value in plan_options.items() if value}
    limits = [round(threads * loops * request_factor)] if loops > 0 else []
    limits += [duration * rate] if duration and rate else []
    max_requests = min(limits, default=None)
    seconds = max_requests / rate if max_requests and rate else 0
    model = f"closed model, {threads} users"
    plans = [TestPlan("punches", model, common_properties | closed_properties, max_requests, seconds)]
    if open_rate is None:
        open_rate = min(_OPEN_RATE, rate or _OPEN_RATE)
    if open_rate:
        open_properties = {"schedule": schedule(open_rate, open_seconds)}
        model = f"open model, {open_rate} punches/s"
        requests = round(open_rate * open_seconds * request_factor)
        plans.append(TestPlan("arrivals", model, common_properties | open_properties, requests, open_seconds))
    signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        return _run(collaborators, plans, stage_name, target_options, patience, yes=yes, as_json=as_json)
    except KeyboardInterrupt:
        print_status("make loadtest: stopped; the run proves nothing")
        return _INTERRUPTED_STATUS


def schedule(rate: int, seconds: int) -> str:
    """Return a schedule of steady arrivals for the Open Model Thread Group of JMeter."""
    return f"rate({rate}/s) random_arrivals({seconds} s) rate({rate}/s) pause({_PAUSE_SECONDS} s)"


def _confirm_cost(plans: Sequence[TestPlan], description: str, *, is_confirmed: bool) -> None:
    """Print the size and the price of the load, and ask for confirmation.

    Raises:
        CommandError: the answer was no, there is no terminal to ask, or the number of requests is unknown.
    """
    numbers = [plan.requests for plan in plans if plan.requests]
    if len(numbers) < len(plans):
        raise CommandError("--duration without --rate has an unknown price: add --rate")
    stage, requests = settings.read(_PRICED_STAGE), sum(numbers)
    peak = Peak(requests, max(sum(plan.seconds for plan in plans), requests / stage.stage_rate))
    dollars = costs.total(costs.punch_bill(peak, stage))
    sentence = (
        f"About {requests:,} requests to {description}: {dollars:,.2f} US dollars by the list prices of "
        f"{costs.REGION}, database included. The rows stay."
    )
    if is_confirmed:
        print_status(sentence)
    elif not confirm(f"{sentence} Send them?"):
        raise CommandError("cancelled; nothing was sent")


def _run(
    collaborators: LoadTestCollaborators,
    plans: Sequence[TestPlan],
    stage_name: str | None,
    target_options: TargetOptions,
    patience: int,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    tool = collaborators.find_jmeter()
    system = collaborators.find_system(stage_name, target_options)
    if system.description:
        _confirm_cost(plans, system.description, is_confirmed=yes)
    folder = ((target_options.state or STATE) / "loadtest").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    environment: dict[str, Any] = {"host": system.properties()["host"], "cores": os.cpu_count()}
    _clear(folder)

    summary: dict[str, Any] = {}
    statuses = []
    for plan in plans:
        run_folder = folder / "open" if summary else folder
        run_folder.mkdir(exist_ok=True)
        result = measure(plan, tool, system, run_folder, patience)
        statuses.append(result.status)
        run_summary = result.summary(plan) | environment
        if summary:
            summary["open_model"] = run_summary
        else:
            summary = run_summary
        _write_summary(folder, summary)  # the report or the second plan may fail
        print_status(f"{plan.model}: {summaries.format_sentence(run_summary)}")
        picture.draw(run_folder / "arrivals.png", result.figures, result.rows, result.ledger, result.lag)
        print_status("creating the HTML report of JMeter")
        run_summary["latency_ms"] = tool.create_report(run_folder)
        _write_summary(folder, summary)
    if as_json:
        print_json(summaries.to_json(summary))
    else:
        summaries.print_summary(summary)
    print_status(f"files: {folder}")
    return min(filter(None, statuses), default=0)  # the worst status has the lowest number


def _clear(folder: Path) -> None:
    """Remove the files of an earlier run."""
    for name in ("summary.json", "arrivals.png", "results.jtl"):
        (folder / name).unlink(missing_ok=True)
    for secret in folder.glob("*.properties"):  # left by a run that was killed
        secret.unlink()
    for name in ("report", "open"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _write_summary(folder: Path, summary: dict[str, Any]) -> None:
    with files.write_atomically(folder / "summary.json") as text:
        text.write(json.dumps(summary, indent=2) + "\n")


def measure(plan: TestPlan, tool: JMeter, system: TargetSystem, folder: Path, patience: float) -> LoadResult:
    """Run a test plan, wait for the rows, and return the result.

    Args:
        plan: the test plan.
        tool: JMeter.
        system: the system to load.
        folder: folder for the files of JMeter.
        patience: seconds without a new row after which to stop waiting.

    Raises:
        CommandError: JMeter failed or sent nothing, or the database or queue cannot be read.
    """
    table = RunTable(system.reader, time.time_ns() // 1_000_000)
    table.count()  # send nothing if the rows cannot be read
    progress = _Progress(system, table, folder / "results.jtl")
    _load(plan, tool, system, folder, table.id_prefix, progress)
    load = os.getloadavg()[0]
    try:
        figures = summarize(read_samples(folder / "results.jtl"))
    except (FileNotFoundError, ValueError):  # no results
        output = files.tail(folder / "jmeter.out")
        raise CommandError(f"JMeter sent nothing; the output ends:\n{output}") from None
    ledger, rows = proof.wait_for_rows(table, system, figures.accepted, patience, progress.update)
    return LoadResult(table.id_prefix, figures, rows, ledger, progress.depths, load)


def _load(
    plan: TestPlan, tool: JMeter, system: TargetSystem, folder: Path, id_prefix: str, progress: "_Progress"
) -> None:
    properties_text = ", ".join(f"{name} {value}" for name, value in plan.properties.items() if name != "schedule")
    print_status(f"JMeter runs {plan.name}.jmx: {properties_text}")
    properties = {**system.properties(), **plan.properties, "apiKey": system.api_key, "idPrefix": id_prefix}
    with tool.run_plan(FOLDER / f"{plan.name}.jmx", folder, properties) as process:
        try:
            while process.poll() is None:
                progress.update()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1)
        finally:
            process.terminate()  # without effect if it has ended
            try:
                status = process.wait(_STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
    if status:
        raise CommandError(f"JMeter exited with status {status}; its output ends:\n{files.tail(folder / 'jmeter.out')}")


class _Progress:
    """Progress of a run, printed at most once a second and only if a number has changed."""

    def __init__(self, system: TargetSystem, table: RunTable, results: Path) -> None:
        self.depths: list[tuple[float, int]] = []
        self._system = system
        self._table = table
        self._tail = ResultsTail(results)
        self._started_at = self._printed_at = time.monotonic()
        self._printed_line = ""

    def update(self) -> None:
        """Read the current numbers, and print them if they have changed."""
        now = time.monotonic()
        accepted = self._tail.count_accepted()
        depth = self._system.depth(self._system.queue_url)
        if accepted:
            self.depths.append((now - self._started_at, depth))
        stored = self._table.count()
        more = f" ({stored - accepted:,} more than JMeter has recorded as accepted)"
        line = f"accepted {accepted:,}  stored {stored:,}{more * (stored > accepted)}  queued {depth:,}"
        if line != self._printed_line and now >= self._printed_at + 0.9:
            print_status(f"{time.strftime('%H:%M:%S')}  {line}")
            self._printed_line, self._printed_at = line, now


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None, collaborators: LoadTestCollaborators | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(loadtest, "make loadtest", words, collaborators)


if __name__ == "__main__":
    sys.exit(main())
