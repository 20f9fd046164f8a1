"""`ponto plan`: forecast of the peak, its tightest limit, and a month's bill."""

import math
import textwrap
from collections.abc import Callable
from typing import Any

import click

from tools.kit import commands, tables
from tools.kit import options as opt
from tools.kit.console import Console
from tools.kit.gateway_limits import LOWER_LIMIT_REGIONS
from tools.kit.output import camel_case, print_json, print_result
from tools.kit.tables import Column
from tools.kit.target import LOCAL
from tools.plan import costs, settings
from tools.plan.peak import Forecast, Peak, forecast

_EPILOG = """examples:
  ponto plan 20000 --stage dev
  ponto plan 1000 20000 1000000 --stage prod --peak-minutes 15
  ponto plan 1000000 --stage prod --stage-rate 3400 --concurrency 1 --json
  ponto plan 100 --stage dev --param database=express

exit status: 0 every peak fits, 1 a peak does not fit, 2 the request is wrong
"""
_MONTH = costs.Month()
_REGIONS = [*costs.PRICES, *LOWER_LIMIT_REGIONS]
_MINUTES = click.FloatRange(0, 24 * 60, min_open=True)
_BATCH_DEFAULT = f"{settings.BATCH_MILLISECONDS:g}, and {settings.PUNCH_MILLISECONDS:g} for each punch"


def _setting(
    name: str, kind: click.ParamType[Any], text: str, shown: str = "the stage's"
) -> Callable[[opt.Function], opt.Function]:
    return click.option(name, type=kind, metavar="N", show_default=shown, help=text)


@commands.command(epilog=_EPILOG)
@click.argument("numbers", type=opt.POSITIVE, nargs=-1, metavar="[NUMBER]...")
@click.option(
    "--employees",
    type=opt.POSITIVE,
    multiple=True,
    metavar="N",
    help="How many employees send punches, instead of an argument; repeatable.",
)
@click.option(
    "--peak-minutes",
    type=_MINUTES,
    default=10.0,
    metavar="M",
    help="Minutes within which every employee sends a punch.",
)
@click.option(
    "--oldest-seconds", type=opt.POSITIVE, default=900, metavar="S", help="Seconds that a punch may wait in the queue."
)
@click.option("--stage", default=LOCAL, help="Stage whose parameters are used; `local` is the stack of make run.")
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter, as for ponto deploy; repeatable."
)
@_setting("--stage-rate", opt.POSITIVE, "Requests/s that the stage and its key allow.")
@_setting("--account-rate", opt.POSITIVE, "Requests/s that AWS allows the account.", "the region's")
@_setting("--account-burst", opt.POSITIVE, "Burst of requests that AWS allows the account.", "the region's")
@_setting("--concurrency", click.IntRange(1, 1_000), "Batches processed at the same time.")
@_setting("--batch", opt.POSITIVE, "Punches in a full batch.")
@_setting(
    "--batch-milliseconds",
    opt.RATE,
    "Duration of a full batch: `milliseconds` in the function's log.",
    _BATCH_DEFAULT,
)
@_setting("--maximum-acu", click.FloatRange(0, 256, min_open=True), "Highest capacity of the database.")
@_setting(
    "--database-rows", opt.RATE, "Rows/s that the database stores at most.", f"{settings.DATABASE_ROWS:,} per ACU"
)
@click.option(
    "--resume-seconds",
    type=opt.COUNT,
    default=settings.RESUME_SECONDS,
    metavar="S",
    help="Seconds that a paused database takes to resume.",
)
@click.option(
    "--region",
    type=click.Choice(_REGIONS),
    default="us-east-1",
    metavar="REGION",
    help="Region of the prices and of the account's limits.",
)
@click.option(
    "--peaks-a-day",
    type=opt.POSITIVE,
    default=_MONTH.peaks_a_day,
    metavar="N",
    help="Peaks of a working day, in each of which every employee sends a punch.",
)
@click.option(
    "--working-days", type=opt.POSITIVE, default=_MONTH.working_days, metavar="N", help="Working days of a month."
)
@click.option(
    "--awake-hours",
    type=click.FloatRange(0, 24),
    default=_MONTH.awake_hours,
    metavar="H",
    help="Hours of a working day in which single punches and queries keep the database awake.",
)
@opt.as_json
def plan(
    numbers: tuple[int, ...],
    employees: tuple[int, ...],
    peak_minutes: float,
    oldest_seconds: int,
    stage: str,
    params: tuple[str, ...],
    region: str,
    peaks_a_day: int,
    working_days: int,
    awake_hours: float,
    *,
    as_json: bool,
    **overrides: Any,
) -> int:
    """Forecast the peak, its tightest limit, and a month's bill.

    NUMBER is the number of employees; each of several numbers gets a forecast. The result shows each formula.
    No service is called: the limits come from the parameters and the options.
    """
    if not employees + numbers:
        raise click.UsageError("name the number of employees, for example: ponto plan 20000")
    if invalid := [param for param in params if "=" not in param]:
        raise click.UsageError(f"--param {invalid[0]}: expected NAME=VALUE")
    stage_settings = settings.read(stage, dict(param.split("=", 1) for param in params), region, **overrides)
    month = _MONTH._replace(peaks_a_day=peaks_a_day, working_days=working_days, awake_hours=awake_hours)
    documents = []
    fits = True
    for number in employees + numbers:
        peak = Peak(number, peak_minutes * 60)
        prediction = forecast(peak, stage_settings, oldest_seconds)
        lines = costs.bill(peak, stage_settings, month, region) if region in costs.PRICES else None
        fits = fits and not prediction.change
        if as_json:
            documents.append({"stage": stage, **_to_json(peak, stage_settings, prediction, lines, region)})
        else:
            _print_forecast(stage, peak, prediction)
            _print_bill(stage_settings, lines, region)
    if as_json:
        print_json(documents)
    return 0 if fits else 1


def _print_forecast(stage: str, peak: Peak, prediction: Forecast) -> None:
    first = prediction.binds_first
    rate = f"{math.ceil(peak.highest):,} requests/s at the peak"
    _paragraph(f"{peak.punches:,} punches within {peak.seconds / 60:g} minutes are {rate}.")
    print_result("")
    tables.show(
        [Column("limit"), Column("a second", align_right=True), Column("why", min_width=24)],
        [(limit.name, f"{limit.admits:,.0f}", limit.why) for limit in prediction.limits],
    )
    print_result("")
    _paragraph(
        f"The {first.name} is reached first, at {peak.punches * first.admits / peak.highest:,.0f} punches "
        f"within as many minutes. The drain starts within {prediction.starting_seconds:,.0f} s. Then "
        f"{prediction.waiting:,.0f} punches wait at the worst moment. No punch waits for more than "
        f"{prediction.oldest_seconds:,.0f} s, and the last one is stored {prediction.stored_seconds_after:,.0f} s "
        "after the peak."
    )
    _paragraph("The peak does not fit:" if prediction.change else "The peak fits.")
    for change in prediction.change:
        _paragraph(f"- {change}", "  ")
    _paragraph(f"Parameters of stage {stage}.")
    print_result("")


def _print_bill(stage_settings: settings.StageSettings, lines: list[costs.BillLine] | None, region: str) -> None:
    if lines is None:
        limits = f"--account-rate {stage_settings.account_rate:g} --account-burst {stage_settings.account_burst:g}"
        _paragraph(
            f"The prices of {region} are unknown. For a bill with the prices of us-east-1, use --region "
            f"us-east-1 {limits}"
        )
        print_result("")
        return
    cells = [(line.what, line.formula, line.amount) for line in lines]
    tables.show(
        [Column("a month"), Column("formula", min_width=30), Column("US dollars", align_right=True)],
        [*cells, ("total", "", f"{costs.total(lines):,.2f}")],
    )
    if rotation := costs.rotation(stage_settings, region):
        increase = f"{rotation:.2f} in the second year, and {2 * rotation:.2f} from the third year on"
        _paragraph(f"The topic's key is rotated each year, so a month costs more: {increase}.")
    days = sorted(price["dated"] for price in costs.PRICES[region].values())
    unpriced = costs.count_unpriced(lines)
    lacks = f" The total is without {unpriced} lines (?), whose prices are unknown." if unpriced else ""
    _paragraph(f"List prices of {region} without free tier, from pages of {days[0]} to {days[-1]}.{lacks}")
    print_result("")


def _paragraph(text: str, indent: str = "") -> None:
    print_result(*textwrap.wrap(text, Console().width, subsequent_indent=indent, break_on_hyphens=False))


def _to_json(
    peak: Peak, stage: settings.StageSettings, prediction: Forecast, lines: list[costs.BillLine] | None, region: str
) -> Any:
    """Return the forecast for one number of employees as JSON; without a bill if the region's prices are unknown."""
    month = None
    if lines is not None:
        month = {
            "lines": [line._asdict() for line in lines],
            "dollars": round(costs.total(lines), 2),
            "linesWithoutPrice": costs.count_unpriced(lines),
        }
    return {
        "peak": peak._asdict() | {"requestsPerSecond": peak.highest},
        "settings": camel_case(stage._asdict()),
        **camel_case(prediction._asdict()),
        "limits": [limit._asdict() for limit in prediction.limits],
        "bindsFirst": prediction.binds_first.name,
        "fits": not prediction.change,
        "month": month,
        "prices": {"region": region, "sources": costs.PRICES.get(region, {})},
    }
