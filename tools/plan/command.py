"""`ponto plan`: what a peak of punches does to a deployment, what a month costs, and what to raise."""

import argparse
import io
import math
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.kit import pictures as picture
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result
from tools.plan import costs
from tools.plan.costs import Line, Load
from tools.plan.simulation import (
    MAXIMUM_CONCURRENCY,
    Bound,
    Limit,
    Peak,
    Second,
    Settings,
    Shape,
    Throttle,
    arrivals,
    simulate,
)

_SERVERLESS = Path(__file__).parents[2] / "serverless.yml"

_ACCOUNT_RATE, _ACCOUNT_BURST = 10_000, 5_000  # requests/s, requests: of an account's REST APIs in a region, by default
_LARGEST_ACU = 256
_MOST_CELLS = 10_000  # that are tried
_PIPED_WIDTH = 160  # columns, where nobody's terminal says
_REPORTS = 20  # connections for reports and people, as in resources/derived.js
# Of a batch, and of each punch in it. `make bench` stores 10, 100, 1,000 in 0.6, 2.1, 15 ms on a whole core, and 256 MB
# have 256/1769 of one: 3 ms, and 0.11 ms a punch. The other 36 are for the ways between SQS, function and Aurora:
# assumed, until a deployment's own log says better.
_BATCH_MILLISECONDS, _PUNCH_MILLISECONDS = 39.0, 0.11

_ADVICE = {
    Limit.STAGE: "raise stageRateLimit, stageBurstLimit, keyRateLimit and keyBurstLimit.",
    Limit.ACCOUNT: "an account takes {rate:,} requests/s in a region unless Service Quotas grants more: share the "
    "employees by hash over several deployments, each in an account or region of its own.",
    Limit.RESUME: "a database that pauses needs this long to come back: MinCapacity 0.5 keeps it awake.",
    Limit.POLLERS: "Lambda adds 300 batches at once a minute: provisioned mode of the event source mapping has its "
    "pollers ready, and excludes maximumConcurrency.",
    Limit.CONCURRENCY: "raise reservedConcurrency and maximumConcurrency together; above 1,000 use several queues, "
    "by hash of the employee, each with its mapping.",
    Limit.IN_FLIGHT: "a queue has at most 120,000 messages in flight: several queues, by hash of the employee.",
    Limit.CONNECTIONS: "raise maximumAcu, from which max_connections follows, or put RDS Proxy between, which forbids "
    "the pause.",
    Limit.DATABASE: "raise maximumAcu, to 256 at most; beyond it several deployments, by hash of the employee, each "
    "with a database of its own.",
}

_EPILOG = """examples:
  ponto plan --employees 20000
  ponto plan --employees 1000 20000 1000000 --peak-minutes 15
  ponto plan --employees 20000 --peak-minutes 0.37 --shape uniform   the original's load test
  ponto plan --employees 1000000 --stage-rate 3400 --picture peak.png
  ponto plan --employees 50000000 --cells 17 --stage-rate 9900 --json

exit status: 0 every load fits, 1 one does not and something has to be raised, 2 the request is wrong
"""


class Plan(NamedTuple):
    """A load on a deployment, or on several that share it."""

    load: Load
    settings: Settings  # of each cell
    peak: Peak  # of each cell
    peak_seconds: int
    oldest_seconds: int  # that a punch may wait in the queue
    month: list[Line]
    always_on: list[Line]

    @property
    def arriving(self) -> int:
        """Punches/s of a cell's employees at the highest, before anybody tries again."""
        return max(second.arrived for second in self.peak.seconds)

    @property
    def oldest(self) -> int:
        """How long a punch waited in the queue, at most: seconds."""
        return max(second.oldest_seconds for second in self.peak.seconds)

    @property
    def throttled(self) -> int:
        """Requests of a cell answered with a 429."""
        return sum(second.throttled for second in self.peak.seconds)

    @property
    def fits(self) -> bool:
        """Nobody is told to come again, and nothing waits for too long."""
        return not self.throttled and self.oldest <= self.oldest_seconds and self.peak.is_over


def add_to(commands: Any) -> None:
    """Add `plan` to the commands of `ponto` (argparse's subparsers)."""
    parser = commands.add_parser(
        "plan",
        help="capacity and cost: what a peak does, what a month costs, what to raise",
        description="Simulates a peak in which everybody punches, second by second, and prices a month of them "
        "(docs/capacity.md says how). Asks nobody: limits come from serverless.yml and from here.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the result as JSON")
    form.add_argument("--markdown", action="store_true", help="the result as Markdown, for a document")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the peak: .png or .svg; of one load")

    load = parser.add_argument_group("the load")
    load.add_argument("--employees", type=_count, nargs="+", required=True, metavar="N", help="one column for each")
    load.add_argument(
        "--peak-minutes",
        type=_positive,
        default=10.0,
        metavar="M",
        help="within which everybody punches (default 10: the law forgives 5 minutes at each)",
    )
    load.add_argument(
        "--shape",
        choices=[str(shape) for shape in Shape],
        default=str(Shape.TRIANGLE),
        help="of the peak (default triangle: it rises evenly to twice the mean, and falls)",
    )
    load.add_argument("--punches-a-day", type=_count, default=4, metavar="N", help="each in a peak (default 4)")
    load.add_argument("--working-days", type=_count, default=22, metavar="N", help="of a month (default 22)")
    load.add_argument(
        "--oldest-seconds",
        type=_count,
        default=900,
        metavar="S",
        help="that a punch may wait in the queue (default 900, as the alarm oldest-waiting)",
    )

    limits = parser.add_argument_group("the deployment")
    limits.add_argument("--stage", default="dev", help="whose parameters of serverless.yml are the defaults (dev)")
    limits.add_argument("--cells", type=_count, default=1, metavar="N", help="that share the employees (default 1)")
    limits.add_argument("--stage-rate", type=_count, metavar="N", help="requests/s of stage and key, and their burst")
    limits.add_argument("--account-rate", type=_count, default=_ACCOUNT_RATE, metavar="N", help="requests/s (10000)")
    limits.add_argument("--account-burst", type=_count, default=_ACCOUNT_BURST, metavar="N", help="requests (5000)")
    limits.add_argument("--concurrency", type=_count, metavar="N", help="batches at once, reserved and maximum")
    limits.add_argument("--batch", type=_count, metavar="N", help="punches in a full one")
    limits.add_argument(
        "--batch-milliseconds",
        type=_positive,
        metavar="MS",
        help=f"of a full batch (default {_BATCH_MILLISECONDS:g} and {_PUNCH_MILLISECONDS:g} a punch); measured: "
        "the log's `milliseconds`",
    )
    limits.add_argument("--maximum-acu", type=_positive, metavar="N", help="of the database")
    limits.add_argument(
        "--database-rows",
        type=_positive,
        metavar="N",
        help=f"rows/s that it stores at most (default {costs.DATABASE_ROWS:,} an ACU)",
    )
    limits.add_argument("--resume-seconds", type=int, default=30, metavar="S", help="of a paused database (30)")

    bill = parser.add_argument_group("the bill")
    bill.add_argument("--region", choices=costs.regions(), default="us-east-1", help="of the prices")
    bill.add_argument("--months-kept", type=_count, default=12, metavar="N", help="of rows (default 12)")
    bill.add_argument(
        "--awake-hours",
        type=float,
        default=12.0,
        metavar="H",
        help="of a working day in which stray punches and reports keep the database from pausing (default 12)",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def _run(arguments: argparse.Namespace) -> int:
    parameters = _parameters(arguments.stage)
    _check(arguments)
    plans = [_plan(arguments, parameters, employees) for employees in arguments.employees]
    better = [None if plan.fits else _suggest(arguments, parameters, plan.load.employees) for plan in plans]
    if arguments.picture:
        picture.draw(
            arguments.picture,
            plans[0].peak,
            plans[0].peak_seconds,
            title=_title(plans[0]),
            throttle=min(throttle.rate for throttle in plans[0].settings.throttles),
        )
    if arguments.json:
        print_json([_document(arguments, *pair) for pair in zip(plans, better, strict=True)])
    else:
        print_result("\n".join(_report(arguments, plans, better, _markdown if arguments.markdown else _plain)))
    return 0 if all(plan.fits for plan in plans) else 1


def _parameters(stage: str) -> Mapping[str, str]:
    """Read the parameters of a stage in serverless.yml, as texts.

    Raises:
        CommandError: serverless.yml has no such stage.
    """
    document: Any = yaml.load(_SERVERLESS.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506  texts only
    stages = document["params"]
    if stage == "default" or stage not in stages:
        raise CommandError(f"serverless.yml has no parameters for stage {stage}; it has {', '.join(list(stages)[1:])}")
    found: dict[str, str] = {**stages["default"], **(stages[stage] or {})}
    return found


def _check(arguments: argparse.Namespace) -> None:
    if arguments.picture and len(arguments.employees) > 1:
        raise CommandError("a picture shows one load: give --employees one number")
    if (arguments.concurrency or 0) > MAXIMUM_CONCURRENCY:
        raise CommandError(f"maximumConcurrency is at most {MAXIMUM_CONCURRENCY:,}; use --cells to share the load")
    if arguments.resume_seconds < 0:
        raise CommandError("--resume-seconds is 0 or more")
    if (arguments.maximum_acu or 0) > _LARGEST_ACU:
        raise CommandError(f"Aurora Serverless v2 has at most {_LARGEST_ACU} ACU")
    if not 0 <= arguments.awake_hours <= 24:
        raise CommandError("--awake-hours is from 0 to 24")
    if arguments.cells > min(arguments.employees):
        raise CommandError(f"{arguments.cells} cells cannot share {min(arguments.employees)} employees")
    if arguments.peak_minutes > 24 * 60:
        raise CommandError("--peak-minutes is a day at most")


def _plan(arguments: argparse.Namespace, parameters: Mapping[str, str], employees: int) -> Plan:
    load = Load(
        employees,
        arguments.punches_a_day,
        arguments.working_days,
        arguments.months_kept,
        arguments.awake_hours,
        arguments.cells,
    )
    settings = _settings(arguments, parameters)
    seconds = max(round(arguments.peak_minutes * 60), 1)
    coming = arrivals(math.ceil(employees / arguments.cells), seconds, Shape(arguments.shape))
    peak = simulate(coming, settings)
    prices = costs.load_prices(arguments.region)
    pause_seconds = int(parameters["secondsUntilAutoPause"])
    return Plan(
        load=load,
        settings=settings,
        peak=peak,
        peak_seconds=seconds,
        oldest_seconds=arguments.oldest_seconds,
        month=costs.month(load, peak, settings, int(parameters["memory"]), pause_seconds, prices),
        always_on=costs.always_on(load, max(coming) * arguments.cells, prices),
    )


def _settings(arguments: argparse.Namespace, parameters: Mapping[str, str]) -> Settings:
    def lower(*names: str) -> int:
        return min(int(parameters[name]) for name in names)

    rate = arguments.stage_rate or lower("stageRateLimit", "keyRateLimit")
    burst = arguments.stage_rate or lower("stageBurstLimit", "keyBurstLimit")
    acu = _acu(arguments, parameters)
    batch = arguments.batch or int(parameters["batchSize"])
    return Settings(
        concurrency=arguments.concurrency or lower("reservedConcurrency", "maximumConcurrency"),
        batch=batch,
        batch_milliseconds=arguments.batch_milliseconds or _BATCH_MILLISECONDS + _PUNCH_MILLISECONDS * batch,
        database_rows=arguments.database_rows or acu * costs.DATABASE_ROWS,
        connections=max_connections(acu) - _REPORTS,
        resume_seconds=arguments.resume_seconds,
        throttles=(
            Throttle(Limit.STAGE, rate, burst),
            Throttle(Limit.ACCOUNT, arguments.account_rate, arguments.account_burst),
        ),
    )


def _acu(arguments: argparse.Namespace, parameters: Mapping[str, str]) -> float:
    return arguments.maximum_acu or float(parameters["maximumAcu"])


def max_connections(acu: float) -> int:
    """Return PostgreSQL's max_connections on Aurora Serverless v2 that may pause, by its largest size.

    A line through the values of AWS's table (1 ACU 189, 4 ACU 823, 8 ACU 1,669, 16 ACU 3,360), cut at the 2,000 that
    a cluster with a minimum below 1 ACU has at most:
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
    """
    return min(max(round(211.4 * acu - 22.5), 50), 2_000)


def _suggest(arguments: argparse.Namespace, parameters: Mapping[str, str], employees: int) -> argparse.Namespace | None:
    """Find settings that the load fits in: the gateway by arithmetic, the drain by trying. None: there are none."""
    if arguments.resume_seconds > arguments.oldest_seconds:
        return None
    total = max(arrivals(employees, max(round(arguments.peak_minutes * 60), 1), Shape(arguments.shape)))
    cells = max(math.ceil(total / arguments.account_rate), arguments.cells)
    concurrency = _settings(arguments, parameters).concurrency
    acu = _acu(arguments, parameters)
    while cells <= min(employees, _MOST_CELLS):
        for change in _larger(concurrency, acu):
            tried = argparse.Namespace(**{**vars(arguments), "cells": cells, **change})
            needed = math.ceil(math.ceil(total / cells) / 100) * 100
            rate = _settings(tried, parameters).throttles[0].rate
            tried.stage_rate = needed if needed > rate else arguments.stage_rate
            if _plan(tried, parameters, employees).fits:
                return tried
        cells *= 2
    return None


def _larger(concurrency: int, acu: float) -> Iterator[dict[str, Any]]:
    """Give settings of the drain, the present ones first, then ever larger ones."""
    yield {}
    largest = False
    while not largest:
        largest = concurrency >= MAXIMUM_CONCURRENCY and acu >= _LARGEST_ACU
        yield {"concurrency": concurrency}
        yield {"concurrency": concurrency, "maximum_acu": acu}
        concurrency, acu = min(2 * concurrency, MAXIMUM_CONCURRENCY), min(2 * acu, _LARGEST_ACU)


def _holding(plan: Plan) -> list[Bound]:
    """Return the limits that keep a load from fitting: a queue that holds some up for a while does its work."""
    is_late = plan.oldest > plan.oldest_seconds or not plan.peak.is_over
    return [bound for bound in plan.peak.bounds if is_late or bound.limit in (Limit.STAGE, Limit.ACCOUNT)]


# What is shown.


def _command(arguments: argparse.Namespace, employees: int) -> str:
    """Give the command line of some settings, what is at its default left out."""
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers())
    usual = vars(parser.parse_args(["plan", "--employees", str(employees)]))
    words = ["ponto", "plan", "--employees", str(employees)]
    for name, value in vars(arguments).items():
        if name not in ("employees", "json", "markdown", "picture", "run") and value != usual[name]:
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def _told(bounds: Sequence[Bound]) -> str:
    return ", ".join(f"{bound.limit} at {_clock(bound.first_second)}" for bound in bounds) or "nothing"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _most(plan: Plan, number: Callable[[Second], int]) -> int:
    return max(number(second) for second in plan.peak.seconds)


def _measures(plan: Plan) -> dict[str, int | float | str]:
    """Give the rows of the report on a peak; of each cell, where there are several."""
    seconds = plan.peak.seconds
    accepted = max(now for now, second in enumerate(seconds) if second.accepted) + 1
    return {
        "punches/s of employees, at the highest": plan.arriving,
        "requests/s, with what is sent again": _most(plan, lambda second: second.requests),
        "answered 429, sent again": plan.throttled,
        "last one accepted, s after the peak": max(accepted - plan.peak_seconds, 0),
        "deepest queue, punches": _most(plan, lambda second: second.queued),
        "oldest in the queue, s": plan.oldest,
        "all stored, s after the peak": (
            max(math.ceil(plan.peak.end) - plan.peak_seconds, 0) if plan.peak.is_over else "not within a day"
        ),
        "connections": _most(plan, lambda second: second.concurrency if second.batches else 0),
        "holds up first": _told(plan.peak.bounds[:1]),
        "fits": "yes" if plan.fits else f"no: {_told(_holding(plan)[:1])}",
    }


def _report(
    arguments: argparse.Namespace,
    plans: Sequence[Plan],
    better: Sequence[argparse.Namespace | None],
    table: Callable[[Sequence[str], Sequence[Sequence[str]]], Iterator[str]],
) -> Iterator[str]:
    settings = plans[0].settings
    stage, account = settings.throttles
    many = arguments.cells > 1
    is_markdown = table is _markdown
    yield from _filled(
        f"Everybody punches within {arguments.peak_minutes:g} minutes ({arguments.shape}), "
        f"{arguments.punches_a_day} times a day, {arguments.working_days} days a month. "
        f"{f'{arguments.cells} cells, each' if many else 'One deployment'}: {stage.rate:,} requests/s (burst "
        f"{stage.burst:,}), account {account.rate:,} (burst {account.burst:,}); {settings.concurrency} batches of "
        f"{settings.batch} at once, {settings.batch_milliseconds:g} ms each; database {settings.database_rows:,.0f} "
        f"rows/s, {settings.connections:,} connections, paused, {settings.resume_seconds} s to resume.",
        is_markdown,
    )
    yield ""
    numbers = [f"{plan.load.employees:,}" for plan in plans]
    measures = [_measures(plan) for plan in plans]
    yield from table(
        ["a peak of each cell" if many else "a peak", *numbers],
        [[name, *(_written(found[name]) for found in measures)] for name in measures[0]],
    )
    yield ""
    prices = costs.load_prices(arguments.region)
    yield from table(
        ["a month, US dollars", *numbers],
        [
            *_bill([plan.month for plan in plans]),
            ["**this system**", *(f"**{costs.total(plan.month):,.2f}**" for plan in plans)],
            *_bill([plan.always_on for plan in plans], is_fleet=True),
            *(
                [["**always-on servers**", *(f"**{costs.total(plan.always_on):,.2f}**" for plan in plans)]]
                if plans[0].always_on
                else []
            ),
        ],
    )
    yield ""
    first, last = prices.dated
    yield from _filled(
        f"List prices of {prices.region} without free tier, from pages of {first} to {last}: tools/plan/prices.json.",
        is_markdown,
    )
    if prices.left_out:
        units = "; ".join(prices.left_out)
        yield f"Left out, so that the totals are too low, for no page with its price was found: {units}."
    for plan, change in zip(plans, better, strict=True):
        yield ""
        if plan.fits:
            yield from _filled(
                f"{plan.load.employees:,} employees fit: none is answered 429, and none of their punches waits in the "
                f"queue for more than {plan.oldest:,} s.",
                is_markdown,
            )
            continue
        yield f"{plan.load.employees:,} employees do not fit:"
        yield ""
        for line in _advice(arguments, plan, change):
            yield from _filled(f"- {line}" if is_markdown else f"- {line.replace('`', '')}", is_markdown)


def _advice(arguments: argparse.Namespace, plan: Plan, change: argparse.Namespace | None) -> Iterator[str]:
    for bound in _holding(plan):
        yield (
            f"{bound.limit}, from {_clock(bound.first_second)}, for {bound.seconds:,} s: "
            f"{_ADVICE[bound.limit].format(rate=arguments.account_rate)}"
        )
    if change and change.cells > arguments.cells and all(b.limit is not Limit.ACCOUNT for b in plan.peak.bounds):
        yield f"{Limit.ACCOUNT}, next: {_ADVICE[Limit.ACCOUNT].format(rate=arguments.account_rate)}"
    if change:
        yield f"it fits with `{_command(change, plan.load.employees)}`"
    else:
        yield "larger settings alone do not help."


def _bill(bills: Sequence[Sequence[Line]], *, is_fleet: bool = False) -> Iterator[list[str]]:
    for lines in zip(*bills, strict=True):
        whats = [line.what for line in lines]
        if len(set(whats)) == 1:
            yield [f"{lines[0].service}: {whats[0]}", *(f"{line.dollars:,.2f}" for line in lines)]
        elif is_fleet:  # another size in each column
            yield [lines[0].service, *(f"{line.what}: {line.dollars:,.2f}" for line in lines)]


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _filled(text: str, is_markdown: bool) -> Iterator[str]:
    """Break a paragraph into lines of the terminal; neither one of Markdown, nor a command, which is copied."""
    if is_markdown or "python -m " in text:
        yield text
    else:
        yield from textwrap.wrap(text, _width(), subsequent_indent="  " * text.startswith("- "))


def _width() -> int:
    """Give the columns of the terminal, or what a reader of a file can do with."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH


def _plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out a table for the terminal: figures of many loads take two lines where there is no room for one."""
    laid_out = Table(box=None, pad_edge=False)
    for at, cell in enumerate(head):
        laid_out.add_column(Text(cell), justify="right" if at else "left", overflow="fold")
    for row in rows:
        laid_out.add_row(*(Text(cell.replace("**", "")) for cell in row))
    console = Console(file=io.StringIO(), width=_width(), color_system=None)
    with console.capture() as capture:
        console.print(laid_out)
    yield from (line.rstrip() for line in capture.get().splitlines())


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out a table as Markdown, which is readable as it stands."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cells[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
        ]
        return f"| {' | '.join(padded)} |"

    yield line(head)
    yield f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|"
    yield from map(line, rows)


def _document(arguments: argparse.Namespace, plan: Plan, change: argparse.Namespace | None) -> dict[str, Any]:
    seconds = plan.peak.seconds
    measures = _measures(plan)
    prices = costs.load_prices(arguments.region)
    return {
        "load": plan.load._asdict() | {"peak_seconds": plan.peak_seconds, "shape": arguments.shape},
        "settings": plan.settings._asdict()
        | {
            "throttles": [throttle._asdict() for throttle in plan.settings.throttles],
            "pollers": plan.settings.pollers._asdict(),
        },
        "peak": {
            "punchesPerSecond": plan.arriving,
            "requestsPerSecond": _most(plan, lambda second: second.requests),
            "throttled": plan.throttled,
            "lastAcceptedSecondsAfter": measures["last one accepted, s after the peak"],
            "deepestQueue": _most(plan, lambda second: second.queued),
            "oldestSeconds": plan.oldest,
            "storedSeconds": plan.peak.end if plan.peak.is_over else None,
            "connections": measures["connections"],
            "batches": sum(second.batches for second in seconds),
            "bounds": [bound._asdict() for bound in plan.peak.bounds],
        },
        "fits": plan.fits,
        "change": [] if plan.fits else list(_advice(arguments, plan, change)),
        "command": _command(change, plan.load.employees) if change else None,
        "month": {"lines": [line._asdict() for line in plan.month], "dollars": round(costs.total(plan.month), 2)},
        "alwaysOn": {
            "lines": [line._asdict() for line in plan.always_on],
            "dollars": round(costs.total(plan.always_on), 2),
        },
        "prices": {
            "region": prices.region,
            "dated": prices.dated,
            "sources": prices.sources,
            "leftOut": prices.left_out,
        },
    }


def _title(plan: Plan) -> str:
    cells = f", one of {plan.load.cells} cells" if plan.load.cells > 1 else ""
    verdict = (
        f"none is turned away, and none waits in the queue for more than {plan.oldest} s"
        if plan.fits
        else f"{plan.throttled:,} requests are answered 429, the oldest in the queue waits {plan.oldest:,} s"
    )
    return f"{plan.load.employees:,} employees punch within {plan.peak_seconds / 60:g} minutes{cells}:\n{verdict}"
