"""`ponto plan`: requests/s at the peak, which limit binds, and a month's bill."""

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

exit status: 0 every load fits, 1 one does not and something has to be raised, 2 the request is wrong
"""
_MONTH = costs.Month()
_REGIONS = [*costs.PRICES, *LOWER_LIMIT_REGIONS]
_MINUTES = opt.FloatRange(0, 24 * 60, min_open=True)
_BATCH_DEFAULT = f"{settings.BATCH_MILLISECONDS:g}, and {settings.PUNCH_MILLISECONDS:g} a punch"


def _setting(
    name: str, kind: click.ParamType[Any], text: str, shown: str = "the stage's"
) -> Callable[[opt.Function], opt.Function]:
    return click.option(name, type=kind, metavar="N", show_default=shown, help=text)


@commands.command(epilog=_EPILOG)
@click.argument("numbers", type=opt.POSITIVE, nargs=-1, metavar="[EMPLOYEES]...")
@click.option("--employees", type=opt.POSITIVE, multiple=True, metavar="N", help="The same as an option.")
@click.option("--peak-minutes", type=_MINUTES, default=10.0, metavar="M", help="Within which everybody punches once.")
@click.option("--oldest-seconds", type=opt.POSITIVE, default=900, metavar="S", help="That a punch may wait.")
@click.option("--stage", default=LOCAL, help="Whose parameters are the defaults; `local` is the one of make run.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="As for ponto deploy; repeatable.")
@_setting("--stage-rate", opt.POSITIVE, "Requests/s of stage and key.")
@_setting("--account-rate", opt.POSITIVE, "Requests/s of the account.", "the region's")
@_setting("--account-burst", opt.POSITIVE, "Requests of the account at one moment.", "the region's")
@_setting("--concurrency", opt.IntegerRange(1, 1_000), "Batches at once, reserved and maximum.")
@_setting("--batch", opt.POSITIVE, "Punches in a full one.")
@_setting("--batch-milliseconds", opt.RATE, "Of a full batch; measured: the log's `milliseconds`.", _BATCH_DEFAULT)
@_setting("--maximum-acu", opt.FloatRange(0, 256, min_open=True), "Of the database.")
@_setting("--database-rows", opt.RATE, "Rows/s that it stores at most.", f"{settings.DATABASE_ROWS:,} an ACU")
@click.option(
    "--resume-seconds", type=opt.COUNT, default=settings.RESUME_SECONDS, metavar="S", help="Of a paused database."
)
@click.option(
    "--region",
    type=click.Choice(_REGIONS),
    default="us-east-1",
    metavar="REGION",
    help="Of the prices and of the account's limits.",
)
@click.option("--working-days", type=opt.POSITIVE, default=_MONTH.working_days, metavar="N", help="Of a month.")
@click.option(
    "--awake-hours",
    type=opt.FloatRange(0, 24),
    default=_MONTH.awake_hours,
    metavar="H",
    help="Of a working day in which stray punches and reports keep the database from pausing.",
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
    working_days: int,
    awake_hours: float,
    *,
    as_json: bool,
    **instead: Any,
) -> int:
    """Requests/s at the peak, what binds, and a month's bill.

    EMPLOYEES is how many punch; several numbers are planned in turn. Arithmetic, each formula beside its result
    (lab/capacity.md). Asks nobody: limits come from the parameters and from here.
    """
    if not employees + numbers:
        raise click.UsageError("say how many employees punch: ponto plan 20000")
    if wrong := [each for each in params if "=" not in each]:
        raise click.UsageError(f"--param takes NAME=VALUE, and was given {wrong[0]}")
    stage_settings = settings.read(stage, dict(each.split("=", 1) for each in params), region, **instead)
    month = _MONTH._replace(working_days=working_days, awake_hours=awake_hours)
    documents = []
    fits = True
    for number in employees + numbers:
        peak = Peak(number, peak_minutes * 60)
        found = forecast(peak, stage_settings, oldest_seconds)
        lines = costs.bill(peak, stage_settings, month, region) if region in costs.PRICES else None
        fits = fits and not found.change
        if as_json:
            documents.append({"stage": stage, **_document(peak, stage_settings, found, lines, region)})
        else:
            _show(stage, peak, found)
            _show_bill(stage_settings, lines, region)
    if as_json:
        print_json(documents)
    return 0 if fits else 1


def _show(stage: str, peak: Peak, found: Forecast) -> None:
    first = found.binds_first
    rate = f"{math.ceil(peak.highest):,} requests/s at the peak"
    _paragraph(f"{peak.punches:,} punches within {peak.seconds / 60:g} minutes are {rate}.")
    print_result("")
    tables.show(
        [Column("limit"), Column("punches/s", align_right=True), Column("why", min_width=24)],
        [(limit.name, f"{limit.admits:,.0f}", limit.why) for limit in found.limits],
    )
    print_result("")
    _paragraph(
        f"The {first.name} binds first, at {peak.punches * first.admits / peak.highest:,.0f} punches within as many "
        f"minutes. The drain starts within {found.starting_seconds:,.0f} s. Then {found.waiting:,.0f} punches wait at "
        f"the worst moment. No punch waits for more than {found.oldest_seconds:,.0f} s in all, and the last one is "
        f"stored {found.stored_seconds_after:,.0f} s after the peak."
    )
    _paragraph("It does not fit:" if found.change else "It fits.")
    for change in found.change:
        _paragraph(f"- {change}", "  ")
    _paragraph(f"Parameters of stage {stage}.")
    print_result("")


def _show_bill(stage_settings: settings.StageSettings, lines: list[costs.BillLine] | None, region: str) -> None:
    if lines is None:
        limits = f"--account-rate {stage_settings.account_rate:g} --account-burst {stage_settings.account_burst:g}"
        _paragraph(f"No prices of {region} are known. For a bill with those of us-east-1: --region us-east-1 {limits}")
        print_result("")
        return
    cells = [(line.what, line.formula, "?" if line.dollars is None else f"{line.dollars:,.2f}") for line in lines]
    tables.show(
        [Column("a month"), Column("formula", min_width=30), Column("US dollars", align_right=True)],
        [*cells, ("together", "", f"{costs.total(lines):,.2f}")],
    )
    if rotation := costs.rotation(stage_settings, region):
        more = f"{rotation:.2f} in the second year, and {2 * rotation:.2f} from the third on"
        _paragraph(f"The topic's key is rotated each year, so a month costs more: {more}.")
    days = sorted(price["dated"] for price in costs.PRICES[region].values())
    lacks = " No page was found for what has a ?: the total is too low." if None in [x.dollars for x in lines] else ""
    _paragraph(f"List prices of {region} without free tier, from pages of {days[0]} to {days[-1]}.{lacks}")
    print_result("")


def _paragraph(text: str, indent: str = "") -> None:
    print_result(*textwrap.wrap(text, Console().width, subsequent_indent=indent, break_on_hyphens=False))


def _document(
    peak: Peak, stage: settings.StageSettings, found: Forecast, lines: list[costs.BillLine] | None, region: str
) -> Any:
    """Return the plan for one number of employees; without a bill where the region's prices are not known."""
    month = None
    if lines is not None:
        month = {"lines": [line._asdict() for line in lines], "dollars": round(costs.total(lines), 2)}
    return {
        "peak": peak._asdict() | {"requestsPerSecond": peak.highest},
        "settings": camel_case(stage._asdict()),
        **camel_case(found._asdict()),
        "limits": [limit._asdict() for limit in found.limits],
        "bindsFirst": found.binds_first.name,
        "fits": not found.change,
        "month": month,
        "prices": {"region": region, "sources": costs.PRICES.get(region, {})},
    }
