"""Costs of a stage for docs/deploy.md: an idle month, a month of daily trials, a million punches."""

from collections.abc import Iterable, Mapping

from tools.kit import slices
from tools.plan import costs, settings
from tools.plan.costs import BillLine
from tools.plan.peak import Peak

_REGION = "us-east-1"
_STAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {  # by column of the table: stage and parameters
    "`dev`, express": ("dev", {"database": "express"}),
    "`dev`": ("dev", {}),
    "`prod`": ("prod", {}),
}
_MILLION = 1_000_000


def idle(stage: str, parameters: Mapping[str, str] | None = None) -> list[BillLine]:
    """Return the bill of a month without punches, for a stage of the reference deployed with these parameters."""
    with slices.without_slices():
        return costs.idle_bill(settings.read(stage, parameters), _REGION)


def idle_table() -> str:
    """Return the table of an idle month of each stage, with a row for each item that costs something in one of them."""
    bills = [idle(stage, parameters) for stage, parameters in _STAGES.values()]
    rows = [lines for lines in zip(*bills, strict=True) if any(line.dollars for line in lines)]
    cells = [
        f"| {lines[0].what} | {lines[-1].formula} | {_prices(line.dollars or 0 for line in lines)} |" for lines in rows
    ]
    trial_totals = [costs.total(trials(stage, parameters)) for stage, parameters in _STAGES.values()]
    return "\n".join(
        [
            f"| US dollars | counted, for `prod` | {' | '.join(_STAGES)} |",
            "|---|---" + "|--:" * len(bills) + "|",
            *cells,
            f"| **together** | | {_prices(map(costs.total, bills))} |",
            f"| together, with trials on every working day | `ponto plan 100` | {_prices(trial_totals)} |",
        ]
    )


def _prices(prices: Iterable[float]) -> str:
    return " | ".join(f"{price:.2f}" for price in prices)


def trials(stage: str, parameters: Mapping[str, str] | None = None) -> list[BillLine]:
    """Return the bill that `ponto plan 100` shows for a stage of the reference, deployed with these parameters."""
    with slices.without_slices():
        return costs.bill(Peak(100, costs.PEAK_SECONDS), settings.read(stage, parameters), costs.Month(), _REGION)


def million() -> list[BillLine]:
    """Return the bill of a million punches in prod, in full batches, in addition to an idle month."""
    return costs.punch_bill(Peak(_MILLION, costs.PEAK_SECONDS), settings.read("prod"), _REGION)
