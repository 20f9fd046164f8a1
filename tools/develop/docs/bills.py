"""Tables of docs/deploy.md with what a stage costs: a month without a punch, one of daily trials, a million punches."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.kit import slices
from tools.plan import command, costs, settings
from tools.plan.costs import Line
from tools.plan.peak import Peak

_REGION = "us-east-1"
_STAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {  # by what the table calls them: stage, and what it is given
    "`dev`, express": ("dev", {"database": "express"}),
    "`dev`": ("dev", {}),
    "`prod`": ("prod", {}),
}
_MILLION = 1_000_000
_LATER = ("together in the second year", "together from the third year on")  # after each rotation that costs


def idle(stage: str, given: Mapping[str, str] | None = None) -> list[Line]:
    """Bill a month of the reference, on a stage without a punch, deployed with these parameters."""
    with slices.absent():
        return costs.idle(settings.read(stage, given), _REGION)


def idle_table() -> str:
    """Give an idle month of each stage, a line for whatever one of them pays for."""
    bills = [idle(stage, given) for stage, given in _STAGES.values()]
    rows = [[lines[0].what, *lines] for lines in zip(*bills, strict=True) if any(line.dollars for line in lines)]
    cells = [f"| {what} | {' | '.join(map(_formula_and_price, lines))} |" for what, *lines in rows]
    sums = " ".join(f"| | **{costs.total(lines):.2f}**" for lines in bills)
    head = "| | " + " | ".join(f"{name} | US dollars" for name in _STAGES) + " |"
    later = [f"| {when} {_later(bills, number)} |" for number, when in enumerate(_LATER, 1)]
    return "\n".join([head, "|---" + "|---|--:" * len(bills) + "|", *cells, f"| **together** {sums} |", *later])


def _later(bills: Sequence[list[Line]], rotations: int) -> str:
    """Give the sums after so many rotations of the key."""
    more = [rotations * costs.rotation(settings.read(stage), _REGION) for stage, _ in _STAGES.values()]
    return " ".join(
        f"| {'the key, rotated' if each else 'as before'} | {costs.total(lines) + each:.2f}"
        for lines, each in zip(bills, more, strict=True)
    )


def _formula_and_price(line: Line) -> str:
    return f"{line.formula if line.dollars else 'none'} | {line.dollars or 0:.2f}"


def trials(stage: str, given: Mapping[str, str] | None = None) -> list[Line]:
    """Return the bill that `ponto plan 100` shows for a stage of the reference, deployed with these parameters."""
    defaults: dict[str, Any] = {parameter.name: parameter.default for parameter in command.plan.params}
    with slices.absent():
        return costs.bill(Peak(100, defaults["peak_minutes"] * 60), settings.read(stage, given), costs.Month(), _REGION)


def trials_table() -> str:
    """Return a month of daily trials on each stage, a line for whatever costs a cent or more."""
    bills = [trials(stage, given) for stage, given in _STAGES.values()]
    cells = [
        f"| {lines[0].what} | {' | '.join(f'{line.dollars or 0:.2f}' for line in lines)} |"
        for lines in zip(*bills, strict=True)
        if any((line.dollars or 0) >= 0.005 for line in lines)
    ]
    sums = " | ".join(f"**{costs.total(lines):.2f}**" for lines in bills)
    head = [f"| US dollars | {' | '.join(_STAGES)} |", "|---" + "|--:" * len(bills) + "|"]
    return "\n".join([*head, *cells, f"| **together** | {sums} |"])


def million_table() -> str:
    """Give what a million punches cost in prod, in full batches, besides an idle month."""
    lines = costs.of_punches(Peak(_MILLION, 600), settings.read("prod"), _REGION)
    cells = [f"| {line.what} | {line.formula} | {line.dollars or 0:.2f} |" for line in lines]
    head = ["| | | US dollars |", "|---|---|--:|"]
    return "\n".join([*head, *cells, f"| **together** | | **{costs.total(lines):.2f}** |"])
