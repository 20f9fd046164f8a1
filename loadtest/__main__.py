"""`make loadtest`: JMeter's load on the running system, and what became of every accepted punch."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from loadtest import four_peaks, jmeter, picture, proof, target
from loadtest.jmeter import FOLDER, JMeter
from loadtest.proof import Database, Row, Verdict
from loadtest.results import Figures, Tail, latency_json, read, summarize
from tools.kit import files
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result, print_status

_STATE = FOLDER.parent / ".local"
_STOP = 10  # s for JMeter to end
_SHOWN = 20  # ids of what went wrong

MISSING, PREREQUISITES, NOT_PROVEN, ERRORS, STOPPED = 1, 2, 3, 4, 130
_EXAMPLES = """examples:
  make loadtest                                          the original's: 200 threads x 100 loops
  make loadtest ARGS="--repeats 5 --malformed 2"         5 % sent again, 2 % that are no punches
  make loadtest ARGS="--duration 600 --rate 100"         a soak: ten minutes, 100 requests/s
  make loadtest ARGS="--plan four-peaks --seconds 120"   a working day in two minutes
  API_URL=https://... API_KEY=... DATABASE_URL=postgresql://... python -m loadtest --rate 500

exit status: 0 every accepted punch is one row, or a dead letter; 1 a punch is missing or stored twice;
2 something is needed first; 3 no DATABASE_URL, so nothing is proven; 4 proven, but some requests failed;
130 after Ctrl-C
"""


class Run(NamedTuple):
    """What a run is made of."""

    plan: str
    properties: dict[str, object]  # the plan's, but for where to
    patience: float  # s


class Outcome(NamedTuple):
    """What came of it."""

    figures: Figures
    rows: list[Row]
    verdict: Verdict | None  # None: nobody could count rows
    depths: list[tuple[float, int]]  # of the queue: seconds since the run began, messages
    load: float  # the machine's average over a minute, when the last answer was there

    @property
    def lag(self) -> float | None:
        """Seconds from the last 202 to the last row, by the clocks of the two machines."""
        stored = [row.stored_ms for row in self.rows if row.id in self.figures.accepted]
        return (max(stored) - self.figures.last_accepted_ms) / 1000 if stored else None

    @property
    def status(self) -> int:
        """The exit status."""
        if self.verdict is None:
            return NOT_PROVEN
        if not self.verdict.is_clean:
            return MISSING
        return ERRORS if self.figures.errors else 0

    def summary(self, run: Run) -> dict[str, Any]:
        """Give it for JSON; what nobody could count is null."""
        figures, verdict = self.figures, self.verdict
        lag = self.lag
        found: dict[str, Any] = {
            "plan": run.plan,
            "properties": run.properties,
            "requests": figures.requests,
            "accepted": len(figures.accepted),
            "repeats": figures.repeats,
            "refused": figures.refused,
            "errors": figures.errors,
            "stored": verdict and verdict.stored,
            "dead_letters": verdict and verdict.dead_letters,
            "missing": verdict and len(verdict.missing),
            "stored_twice": verdict and len(verdict.stored_twice),
            "seconds": round(figures.seconds, 3),
            "requests_per_second": round(figures.requests_per_second, 1),
            "latency_ms": latency_json(figures.latency),
            "drain_lag_seconds": None if lag is None else round(lag, 3),
            "queue_depth": [{"seconds": round(at, 1), "messages": depth} for at, depth in self.depths],
            "load_average": round(self.load, 2),
        }
        if figures.failures:
            found["failures"] = figures.failures
        if verdict and not verdict.is_clean:
            found["examples"] = {
                "missing": verdict.missing[:_SHOWN],
                "stored_twice": verdict.stored_twice[:_SHOWN],
            }
        return found


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `_EXAMPLES` for the exit status."""
    arguments = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _main(arguments)
    except CommandError as error:
        print_status(f"loadtest: {error}")
        return error.status
    except KeyboardInterrupt:
        print_status("loadtest: stopped; nothing is proven")
        return STOPPED


def _main(arguments: argparse.Namespace) -> int:
    run = plan_run(arguments)
    tool = jmeter.find()
    place = target.find(arguments.state, dict(os.environ))
    if place.database_url is None:
        print_status("no DATABASE_URL: that accepted punches become rows will not be proven")
    folder = (arguments.state / "loadtest").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)

    outcome = measure(run, tool, place, folder)

    summary = outcome.summary(run)
    with files.draft(folder / "summary.json") as text:
        text.write(json.dumps(summary, indent=2) + "\n")
    if outcome.verdict:
        picture.draw(folder / "arrivals.png", outcome.figures, outcome.rows, outcome.verdict, outcome.lag)
    if arguments.report:
        print_status("making JMeter's HTML report")
        tool.report(folder)
    if arguments.json:
        print_json(summary)
    else:
        print_result(table(summary))
        print_result(f"\n{sentence(summary)}")
    print_status(f"files: {folder}")
    return outcome.status


def _clear(folder: Path) -> None:
    """Leave no file of an earlier run beside those of this one."""
    for name in ("summary.json", "arrivals.png", "results.jtl"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "report", ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest",
        description="Load from JMeter on the running local stack, or on the API that API_URL names; then the end of "
        "every accepted punch, by its id. Writes summary.json, arrivals.png, results.jtl and JMeter's report "
        "into the state folder's loadtest/. The rows stay.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--plan", choices=["punches", "four-peaks"], default="punches", help="default punches")
    parser.add_argument("--repeats", type=_percent, default=0, metavar="PERCENT", help="of the punches, sent twice")
    parser.add_argument("--malformed", type=_percent, default=0, metavar="PERCENT", help="on top, that are no punches")
    group = parser.add_argument_group("punches")
    group.add_argument("--threads", type=_positive, default=200, help="connections at once (default 200)")
    group.add_argument("--loops", type=_positive, help="punches of each thread (default 100)")
    group.add_argument("--ramp-up", type=_positive, default=1, metavar="SECONDS", help="default 1")
    group.add_argument("--duration", type=_positive, metavar="SECONDS", help="a soak: instead of loops")
    group.add_argument("--rate", type=_positive, help="requests/s of all threads, at most (default: no limit)")
    group = parser.add_argument_group("four-peaks")
    group.add_argument("--peak", type=_positive, default=300, help="punches/s at the highest peak (default 300)")
    group.add_argument("--seconds", type=_positive, default=120, help="that the day lasts (default 120)")
    parser.add_argument(
        "--patience", type=_positive, default=180, metavar="SECONDS", help="without a new row before giving up: 180"
    )
    parser.add_argument("--state", type=Path, default=_STATE, help="the local stack's folder (default .local)")
    parser.add_argument("--no-report", dest="report", action="store_false", help="without JMeter's HTML report")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    return parser


def plan_run(arguments: argparse.Namespace) -> Run:
    """Say which plan runs, with which properties.

    Args:
        arguments: of the command line.
    """
    # A number of its own for each employee of a run, below the contract's 2^53.
    first = Random().randrange(10**6, 9 * 10**6) * proof.RUN  # noqa: S311  no secret
    properties: dict[str, object] = {
        "firstEmployee": first,
        "repeats": arguments.repeats,
        "malformed": arguments.malformed,
    }
    if arguments.plan == "four-peaks":
        text = four_peaks.CSV.read_text(encoding="utf-8")
        properties["schedule"] = four_peaks.schedule(text, arguments.peak, arguments.seconds)
    else:
        endless = arguments.duration and not arguments.loops
        properties |= {
            "threads": arguments.threads,
            "loops": -1 if endless else arguments.loops or 100,
            "rampUp": arguments.ramp_up,
        }
        if arguments.duration:
            properties["duration"] = arguments.duration
        if arguments.rate:
            properties["rate"] = arguments.rate
    return Run(arguments.plan, properties, arguments.patience)


def measure(run: Run, tool: JMeter, place: target.Target, folder: Path) -> Outcome:
    """Load, wait for the rows, and judge.

    Args:
        run: what to do.
        tool: JMeter.
        place: what is loaded.
        folder: for JMeter's files.

    Raises:
        CommandError: JMeter failed, or sent nothing; the database or the queue cannot be reached.
    """
    first = int(str(run.properties["firstEmployee"]))
    database = Database(place.database_url, first) if place.database_url else None
    try:
        watch = _Watch(place, database, folder / "results.jtl")
        _load(run, tool, place, folder, watch)
        load = os.getloadavg()[0]
        try:
            figures = summarize(read(folder / "results.jtl"))
        except (FileNotFoundError, ValueError):
            raise CommandError(f"JMeter sent nothing; its output ends:\n{jmeter.tail(folder / 'jmeter.out')}") from None
        if database is None:
            return Outcome(figures, [], None, watch.depths, load)
        verdict, rows = proof.wait(database, place, figures.accepted, run.patience, watch.look)
        return Outcome(figures, rows, verdict, watch.depths, load)
    finally:
        if database:
            database.close()


def _load(run: Run, tool: JMeter, place: target.Target, folder: Path, watch: "_Watch") -> None:
    told = ", ".join(f"{name} {value}" for name, value in run.properties.items() if name != "schedule")
    print_status(f"JMeter runs {run.plan}.jmx: {told}")
    process = tool.start(FOLDER / f"{run.plan}.jmx", folder, place.properties() | run.properties)
    try:
        while True:
            watch.look()
            try:
                status = process.wait(1)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    if status:
        raise CommandError(f"JMeter ended with {status}; its output ends:\n{jmeter.tail(folder / 'jmeter.out')}")


class _Watch:
    """Progress: a line a second, while something changes."""

    def __init__(self, place: target.Target, database: Database | None, results: Path) -> None:
        self.depths: list[tuple[float, int]] = []
        self._place = place
        self._database = database
        self._tail = Tail(results)
        self._began = self._said_at = time.monotonic()
        self._said = ""

    def look(self) -> None:
        """Look, and say what is new."""
        now = time.monotonic()
        accepted = self._tail.look()
        depth = self._place.depth(self._place.queue_url)
        if accepted and depth is not None:
            self.depths.append((now - self._began, depth))
        words = [f"accepted {accepted:,}"]
        if self._database:
            words.append(f"stored {self._database.count():,}")
        if depth is not None:
            words.append(f"queued {depth:,}")
        line = "  ".join(words)
        if line != self._said and now >= self._said_at + 0.9:
            print_status(f"{time.strftime('%H:%M:%S')}  {line}")
            self._said, self._said_at = line, now


_ORIGINAL = {
    "requests": "20,000",
    "seconds": "22",
    "requests/s": "909.1",
    "average, ms": "197",
    "min": "141",
    "max": "1,559",
    "errors": "0.00 %",
    "accepted punches": "unreadable",
    "rows": "not counted",
}


def table(summary: dict[str, Any]) -> str:
    """Show a summary beside the original's headline.

    Args:
        summary: as `Outcome.summary` gives it.
    """
    latency = summary["latency_ms"]

    def count(name: str) -> str:
        return "not counted" if summary[name] is None else f"{summary[name]:,}"

    lag = summary["drain_lag_seconds"]
    lines = {
        "requests": count("requests"),
        "seconds": f"{summary['seconds']:,.1f}",
        "requests/s": f"{summary['requests_per_second']:,.1f}",
        "average, ms": f"{latency['average']:,.0f}",
        **{name: f"{latency[name]:,}" for name in ("min", "p50", "p95", "p99", "max")},
        "errors": f"{100 * summary['errors'] / summary['requests']:.2f} %",
        "accepted punches": count("accepted"),
        "repeats": count("repeats"),
        "refused": count("refused"),
        "rows": count("stored"),
        "dead letters": count("dead_letters"),
        "missing": count("missing"),
        "stored twice": count("stored_twice"),
        "last row after last 202, s": "not counted" if lag is None else f"{lag:.1f}",
        "load average": f"{summary['load_average']:.1f}",
    }
    if summary["plan"] != "punches":  # another shape of load: nothing to compare it with
        return "\n".join(f"{name:<26} {value:>12}" for name, value in lines.items())
    rows = [("", "the original", "this run"), *((name, _ORIGINAL.get(name, ""), lines[name]) for name in lines)]
    return "\n".join(f"{name:<26} {original:>12} {ours:>12}" for name, original, ours in rows)


def sentence(summary: dict[str, Any]) -> str:
    """Say the result in a sentence.

    Args:
        summary: as `Outcome.summary` gives it.
    """
    accepted, stored = f"{summary['accepted']:,} accepted punches", summary["stored"]
    if stored is None:
        text = f"{accepted}; not proven that they became rows: set DATABASE_URL"
    elif summary["missing"] or summary["stored_twice"]:
        text = f"BROKEN: {accepted}, {summary['missing']:,} missing, {summary['stored_twice']:,} stored twice"
    else:
        letters = f" and {summary['dead_letters']:,} dead letters" if summary["dead_letters"] else ""
        text = f"{accepted} = {stored:,} rows{letters}"
    if summary["errors"]:
        text += f"; {summary['errors']:,} requests failed: {next(iter(summary['failures']))}"
    return text


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _percent(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("must be from 0 to 100")
    return number


if __name__ == "__main__":
    sys.exit(main())
