"""`ponto plan`: rows a second, time to drain a peak, and a month's bill."""

from typing import Any

import click

from tools.kit import commands, shared_options, tables
from tools.kit.output import camel_case, print_json, print_result
from tools.kit.tables import Column
from tools.kit.target import LOCAL
from tools.operate.plan import costs, settings
from tools.operate.plan.peak import Forecast, Peak, forecast

_EPILOG = """examples:
  ponto plan 20000 --stage dev
  ponto plan 1000000 --stage prod --minutes 15 --json

exit status: 0 the peak fits, 1 the peak does not fit, 2 the request is wrong
"""


@commands.command(epilog=_EPILOG)
@click.argument("employees", type=shared_options.POSITIVE)
@click.option("--stage", default=LOCAL, help="Stage whose parameters are used; `local` is the stack of make run.")
@click.option(
    "--minutes",
    type=click.IntRange(1, 24 * 60),
    default=costs.PEAK_SECONDS // 60,
    metavar="M",
    help="Minutes within which every employee sends a punch.",
)
@shared_options.as_json
def plan(employees: int, stage: str, minutes: int, *, as_json: bool) -> int:
    """Forecast rows a second, the time to drain a peak, and a month's bill.

    The peak fits if no punch is answered 429, and all are stored within 15 minutes after it. No service is called:
    the limits come from the parameters.
    """
    peak, stage_settings = Peak(employees, minutes * 60), settings.read(stage)
    prediction = forecast(peak, stage_settings)
    bill = costs.bill(peak, stage_settings, costs.Month())
    if as_json:
        print_json(_to_json(stage, peak, stage_settings, prediction, bill))
    else:
        _print(stage, peak, stage_settings, prediction, bill)
    return 1 if prediction.advice else 0


def _print(
    stage: str, peak: Peak, stage_settings: settings.StageSettings, prediction: Forecast, bill: list[costs.BillLine]
) -> None:
    digits = 0 if peak.highest >= 10 else 2
    print_result(
        f"requests  {peak.highest:,.{digits}f}/s at the peak; {stage} admits {stage_settings.stage_rate:,.0f}/s",
        f"rows      {prediction.rows_per_second:,.0f}/s: {prediction.formula}",
        f"drained   {prediction.drain_minutes:,.1f} minutes after the peak, at most",
        *(f"change    {advice}" for advice in prediction.advice),
        "",
    )
    tables.show(
        [Column("a month"), Column("formula", wraps=True), Column("US dollars", align_right=True)],
        [*((line.what, line.formula, line.amount) for line in bill), ("total", "", f"{costs.total(bill):,.2f}")],
    )
    days = sorted(price["dated"] for price in costs.PRICES.values())
    print_result(f"List prices of {costs.REGION} without free tier, from pages of {days[0]} to {days[-1]}.")


def _to_json(
    stage: str, peak: Peak, stage_settings: settings.StageSettings, prediction: Forecast, bill: list[costs.BillLine]
) -> Any:
    return {
        "stage": stage,
        "peak": peak._asdict() | {"requestsPerSecond": peak.highest},
        "settings": camel_case(stage_settings._asdict()),
        **camel_case(prediction._asdict()),
        "fits": not prediction.advice,
        "month": costs.to_json(bill),
        "prices": {"region": costs.REGION, "sources": costs.PRICES},
    }
