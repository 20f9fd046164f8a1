"""`ponto plan`: what a peak of punches does to a deployment, what a month costs, and what to raise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tools.kit import commands
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.pictures import require_format
from tools.plan import costs, picture, report
from tools.plan.capacity import (
    BATCH_MILLISECONDS,
    LARGEST_ACU,
    PUNCH_MILLISECONDS,
    Assumptions,
    forecast,
    read_parameters,
    suggest,
)
from tools.plan.simulation import MAXIMUM_CONCURRENCY, Shape

_EPILOG = """examples:
  ponto plan --employees 20000
  ponto plan --employees 1000 20000 1000000 --peak-minutes 15
  ponto plan --employees 20000 --peak-minutes 0.37 --shape uniform   the original's load test
  ponto plan --employees 1000000 --stage-rate 3400 --picture peak.png
  ponto plan --employees 50000000 --cells 17 --stage-rate 9900 --json

exit status: 0 every load fits, 1 one does not and something has to be raised, 2 the request is wrong
"""


def _assumption(
    name: str, kind: click.ParamType[Any], metavar: str | None, text: str, *, shown: bool | str = True
) -> Callable[[opt.Function], opt.Function]:
    """Make an option of a field of `Assumptions`."""
    return click.option(
        f"--{name.replace('_', '-')}",
        type=kind,
        default=Assumptions._field_defaults[name],
        metavar=metavar,
        help=text,
        show_default=shown,
    )


@commands.command(epilog=_EPILOG)
@click.option(
    "--employees", type=opt.POSITIVE, multiple=True, required=True, metavar="N", help="Several, a column each."
)
@click.argument("more", type=opt.POSITIVE, nargs=-1, metavar="[N]...")
@_assumption("peak_minutes", opt.FloatRange(0, 24 * 60, min_open=True), "M", "Within which everybody punches.")
@_assumption(
    "shape",
    click.Choice(Shape, case_sensitive=False),
    None,
    "Of the peak.",
    shown="triangle, which rises evenly to twice the mean, and falls",
)
@_assumption("punches_a_day", opt.POSITIVE, "N", "Each in a peak.")
@_assumption("working_days", opt.POSITIVE, "N", "Of a month.")
@_assumption("oldest_seconds", opt.POSITIVE, "S", "That a punch may wait in the queue; so the alarm oldest-waiting.")
@_assumption("stage", click.STRING, None, "The deployment: whose parameters of serverless.yml are the defaults.")
@_assumption("cells", opt.POSITIVE, "N", "Deployments that share the employees.")
@_assumption("stage_rate", opt.POSITIVE, "N", "Requests/s of stage and key, and their burst.")
@_assumption("account_rate", opt.POSITIVE, "N", "Requests/s of the account.")
@_assumption("account_burst", opt.POSITIVE, "N", "Requests.")
@_assumption(
    "concurrency",
    opt.Whole(1, MAXIMUM_CONCURRENCY),
    "N",
    "Batches at once, reserved and maximum; where no more is possible, --cells share the employees.",
)
@_assumption("batch", opt.POSITIVE, "N", "Punches in a full one.")
@_assumption(
    "batch_milliseconds",
    opt.RATE,
    "MS",
    "Of a full batch; measured: the log's `milliseconds`.",
    shown=f"{BATCH_MILLISECONDS:g}, and {PUNCH_MILLISECONDS:g} a punch",
)
@_assumption("maximum_acu", opt.FloatRange(0, LARGEST_ACU, min_open=True), "N", "Of the database.")
@_assumption("database_rows", opt.RATE, "N", "Rows/s that it stores at most.", shown=f"{costs.DATABASE_ROWS:,} an ACU")
@_assumption("resume_seconds", opt.COUNT, "S", "Of a paused database.")
@_assumption("region", click.Choice(costs.regions()), None, "Of the prices.")
@_assumption("months_kept", opt.POSITIVE, "N", "Of rows.")
@_assumption(
    "awake_hours",
    opt.FloatRange(0, 24),
    "H",
    "Of a working day in which stray punches and reports keep the database from pausing.",
)
@click.option("--picture", "picture_file", type=opt.FILE, metavar="FILE", help="Draw the peak: .png or .svg.")
@click.option(
    "--markdown",
    "as_markdown",
    is_flag=True,
    show_default=False,
    cls=opt.Instead,
    instead_of=["--json"],
    help="The result as Markdown, for a document.",
)
@opt.as_json
def plan(
    employees: tuple[int, ...],
    more: tuple[int, ...],
    picture_file: Path | None,
    *,
    as_markdown: bool,
    as_json: bool,
    **assumed: Any,
) -> int:
    """What a peak does, what a month costs, and what to raise.

    Simulates a peak in which everybody punches, second by second, and prices a month of them (lab/capacity.md says
    how). Asks nobody: limits come from serverless.yml and from here.
    """
    assumptions, employees = Assumptions(**assumed), employees + more
    if picture_file:
        require_format(picture_file)
        if len(employees) > 1:
            raise CommandError("a picture shows one load: give --employees one number")
    if assumptions.cells > min(employees):
        raise CommandError(f"{assumptions.cells} cells cannot share {min(employees)} employees")

    parameters = read_parameters(assumptions.stage)
    forecasts = [forecast(assumptions, parameters, number) for number in employees]
    suggested = [
        None if found.fits else suggest(assumptions, parameters, found.workload.employees) for found in forecasts
    ]
    if picture_file:
        picture.draw(picture_file, forecasts[0])
    if as_json:
        report.show_json(assumptions, forecasts, suggested)
    else:
        report.show(assumptions, forecasts, suggested, as_markdown=as_markdown)
    return 0 if all(found.fits for found in forecasts) else 1
