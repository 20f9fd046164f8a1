"""Tables of what a stage costs: an idle month, a month of daily trials, a million punches."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from tools.develop.docs.tables import table
from tools.kit import slice_manifests
from tools.operate.plan import costs, settings
from tools.operate.plan.costs import BillLine
from tools.operate.plan.peak import Peak

_STAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {  # by column of the table: stage and parameters
    "`dev`, express": ("dev", {"database": "express"}),
    "`dev`": ("dev", {}),
    "`prod`": ("prod", {}),
}
_MILLION = 1_000_000


def idle(stage: str, parameters: Mapping[str, str] | None = None) -> list[BillLine]:
    """Return the bill of a month without punches, for a stage of the base deployed with these parameters."""
    with slice_manifests.without_slices():
        return costs.idle_bill(settings.read(stage, parameters))


def idle_table() -> str:
    """Return the table of an idle month of each stage, with a row for each item that costs something in one of them."""
    bills = [idle(stage, parameters) for stage, parameters in _STAGES.values()]
    rows = [
        (lines[0].what, lines[-1].formula, *_prices(line.dollars for line in lines))
        for lines in zip(*bills, strict=True)
        if any(line.dollars for line in lines)
    ]
    idle_prices, trials, million = _totals()
    rows += [
        ("**together**", "", *idle_prices),
        ("together, with trials on every working day", "`ponto plan 100`", *trials),
        ("a million punches more, in full batches", "`ponto plan`", *million),
    ]
    return _table(("US dollars", "counted, for `prod`"), rows)


def totals_table(idle_label: str, trials_label: str) -> str:
    """Return the table of what each stage costs in a month, idle and with trials, for the READMEs."""
    idle_prices, trials, _ = _totals()
    return _table(("US$",), [(idle_label, *idle_prices), (f"{trials_label} (`ponto plan 100`)", *trials)])


@cache
def _totals() -> tuple[list[str], list[str], list[str]]:
    """Return the prices of each stage for an idle month, a month of trials, and a million punches."""
    trials, million = Peak(100, costs.PEAK_SECONDS), Peak(_MILLION, costs.PEAK_SECONDS)
    with slice_manifests.without_slices():
        stages = [settings.read(stage, parameters) for stage, parameters in _STAGES.values()]
    return (
        _prices(costs.total(costs.idle_bill(stage)) for stage in stages),
        _prices(costs.total(costs.bill(trials, stage, costs.Month())) for stage in stages),
        _prices(costs.total(costs.punch_bill(million, stage)) for stage in stages),
    )


def _prices(prices: Iterable[float]) -> list[str]:
    return [f"{price:.2f}" for price in prices]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose last columns are the stages' prices."""
    first, _, *others = table((*head, *_STAGES), rows).split("\n")
    return "\n".join([first, "|---" * len(head) + "|--:" * len(_STAGES) + "|", *others])
