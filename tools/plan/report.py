"""A forecast for whoever reads it: sentences and tables for a terminal, Markdown for a document, JSON for a program."""

import math
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from tools.kit import tables
from tools.kit.output import Console, camel_case, print_json, print_result
from tools.kit.tables import Column
from tools.plan import costs
from tools.plan.capacity import Assumptions, Forecast
from tools.plan.costs import Line
from tools.plan.simulation import Bound, Limit, Second

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


class Advice(NamedTuple):
    """What to do about a workload that does not fit."""

    text: str
    command: str = ""  # that shows it

    def __str__(self) -> str:
        return f"{self.text} `{self.command}`" if self.command else self.text


class _Layout(Protocol):
    """How a report is laid out on standard output."""

    def paragraph(self, text: str) -> None: ...

    def items(self, advice: Sequence[Advice]) -> None: ...

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table of figures; the rows between ** are totals."""


class _Terminal:
    """Within the columns of the terminal; but a command, which is copied, is never broken into lines."""

    def paragraph(self, text: str, indent: str = "") -> None:
        print_result(*textwrap.wrap(text, Console().width, subsequent_indent=indent, break_on_hyphens=False))

    def items(self, advice: Sequence[Advice]) -> None:
        for text, command in advice:
            if command:
                print_result(f"- {text} {command}")
            else:
                self.paragraph(f"- {text}", indent="  ")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        columns = [Column(name, right=bool(at), least=12) for at, name in enumerate(head)]
        tables.show(columns, [[cell.strip("*") for cell in row] for row in rows])


class _Markdown:
    """A paragraph is a line, and a table is readable as it stands."""

    def paragraph(self, text: str) -> None:
        print_result(text)

    def items(self, advice: Sequence[Advice]) -> None:
        for each in advice:
            print_result(f"- {each}")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            figures = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
            return f"| {' | '.join([cells[0].ljust(widths[0]), *figures])} |"

        print_result(line(head))
        print_result(f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|")
        for row in rows:
            print_result(line(row))


def show(
    assumed: Assumptions,
    forecasts: Sequence[Forecast],
    suggested: Sequence[Assumptions | None],
    *,
    as_markdown: bool,
) -> None:
    """Print a report.

    Args:
        assumed: of all forecasts.
        forecasts: a column of the tables each.
        suggested: for each forecast that does not fit, what it fits with, if anything.
        as_markdown: for a document instead of a terminal.
    """
    layout: _Layout = _Markdown() if as_markdown else _Terminal()
    many = assumed.cells > 1
    numbers = [f"{forecast.workload.employees:,}" for forecast in forecasts]
    measures = [_measures(forecast) for forecast in forecasts]
    layout.paragraph(_assumptions(assumed, forecasts[0]))
    print_result("")
    layout.table(
        ["a peak of each cell" if many else "a peak", *numbers],
        [[name, *(_written(found[name]) for found in measures)] for name in measures[0]],
    )
    print_result("")
    layout.table(["a month, US dollars", *numbers], _bills(forecasts))
    print_result("")
    prices = costs.prices_of(assumed.region)
    first, last = prices.dated
    layout.paragraph(
        f"List prices of {prices.region} without free tier, from pages of {first} to {last}: tools/plan/prices.json."
    )
    if prices.left_out:
        units = "; ".join(prices.left_out)
        layout.paragraph(f"Left out, so that the totals are too low, for no page with its price was found: {units}.")
    for forecast, better in zip(forecasts, suggested, strict=True):
        print_result("")
        if forecast.fits:
            layout.paragraph(
                f"{forecast.workload.employees:,} employees fit: none is answered 429, and none of their punches waits "
                f"in the queue for more than {forecast.oldest:,} s."
            )
        else:
            layout.paragraph(f"{forecast.workload.employees:,} employees do not fit:")
            print_result("")
            layout.items(list(_advice(assumed, forecast, better)))


def show_json(assumed: Assumptions, forecasts: Sequence[Forecast], suggested: Sequence[Assumptions | None]) -> None:
    """Print a report for a program; the arguments are those of `show`."""
    print_json([_document(assumed, *pair) for pair in zip(forecasts, suggested, strict=True)])


def _assumptions(assumed: Assumptions, forecast: Forecast) -> str:
    settings = forecast.settings
    stage, account = settings.throttles
    return (
        f"Everybody punches within {assumed.peak_minutes:g} minutes ({assumed.shape}), "
        f"{assumed.punches_a_day} times a day, {assumed.working_days} days a month. "
        f"{f'{assumed.cells} cells, each' if assumed.cells > 1 else 'One deployment'}: {stage.rate:,} requests/s "
        f"(burst {stage.burst:,}), account {account.rate:,} (burst {account.burst:,}); {settings.concurrency} batches "
        f"of {settings.batch} at once, {settings.batch_milliseconds:g} ms each; database "
        f"{settings.database_rows:,.0f} rows/s, {settings.connections:,} connections, paused, "
        f"{settings.resume_seconds} s to resume."
    )


def _measures(forecast: Forecast) -> dict[str, int | float | str]:
    """Give the rows of the report on a peak; of each cell, where there are several."""
    seconds = forecast.peak.seconds
    accepted = max(now for now, second in enumerate(seconds) if second.accepted) + 1
    return {
        "punches/s of employees, at the highest": forecast.arriving,
        "requests/s, with what is sent again": _most(forecast, lambda second: second.requests),
        "answered 429, sent again": forecast.throttled,
        "last one accepted, s after the peak": max(accepted - forecast.peak_seconds, 0),
        "deepest queue, punches": _most(forecast, lambda second: second.queued),
        "oldest in the queue, s": forecast.oldest,
        "all stored, s after the peak": (
            max(math.ceil(forecast.peak.end) - forecast.peak_seconds, 0)
            if forecast.peak.is_over
            else "not within a day"
        ),
        "connections": _most(forecast, lambda second: second.concurrency if second.batches else 0),
        "holds up first": _names(forecast.peak.bounds[:1]),
        "fits": "yes" if forecast.fits else f"no: {_names(forecast.too_low[:1])}",
    }


def _bills(forecasts: Sequence[Forecast]) -> list[list[str]]:
    """Give the rows of a month's cost."""
    months, fleets = [forecast.month for forecast in forecasts], [forecast.always_on for forecast in forecasts]
    rows = [*_bill(months), _total("this system", months), *_bill(fleets, is_fleet=True)]
    return [*rows, _total("always-on servers", fleets)] if fleets[0] else rows


def _bill(bills: Sequence[Sequence[Line]], *, is_fleet: bool = False) -> Iterator[list[str]]:
    for lines in zip(*bills, strict=True):
        whats = [line.what for line in lines]
        if len(set(whats)) == 1:
            yield [f"{lines[0].service}: {whats[0]}", *(f"{line.dollars:,.2f}" for line in lines)]
        elif is_fleet:  # another size in each column
            yield [lines[0].service, *(f"{line.what}: {line.dollars:,.2f}" for line in lines)]


def _total(name: str, bills: Sequence[Sequence[Line]]) -> list[str]:
    return [f"**{name}**", *(f"**{costs.total(lines):,.2f}**" for lines in bills)]


def _advice(assumed: Assumptions, forecast: Forecast, better: Assumptions | None) -> Iterator[Advice]:
    for bound in forecast.too_low:
        yield Advice(
            f"{bound.limit}, from {_clock(bound.first_second)}, for {bound.seconds:,} s: "
            f"{_ADVICE[bound.limit].format(rate=assumed.account_rate)}"
        )
    if better and better.cells > assumed.cells and all(b.limit is not Limit.ACCOUNT for b in forecast.peak.bounds):
        yield Advice(f"{Limit.ACCOUNT}, next: {_ADVICE[Limit.ACCOUNT].format(rate=assumed.account_rate)}")
    if better:
        yield Advice("it fits with", command_line(better, forecast.workload.employees))
    else:
        yield Advice("larger settings alone do not help.")


def command_line(assumed: Assumptions, employees: int) -> str:
    """Give the command that plans for some employees with these assumptions; what is at its default is left out."""
    words = ["ponto", "plan", "--employees", str(employees)]
    for name, value in assumed._asdict().items():
        if value != Assumptions._field_defaults[name]:
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def _names(bounds: Sequence[Bound]) -> str:
    return ", ".join(f"{bound.limit} at {_clock(bound.first_second)}" for bound in bounds) or "nothing"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _most(forecast: Forecast, number: Callable[[Second], int]) -> int:
    return max(number(second) for second in forecast.peak.seconds)


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _document(assumed: Assumptions, forecast: Forecast, better: Assumptions | None) -> dict[str, Any]:
    measures = _measures(forecast)
    prices = costs.prices_of(assumed.region)
    settings = forecast.settings
    return {
        "workload": camel_case(forecast.workload._asdict())
        | {"peakSeconds": forecast.peak_seconds, "shape": assumed.shape},
        "settings": camel_case(settings._asdict())
        | {
            "throttles": [throttle._asdict() for throttle in settings.throttles],
            "pollers": camel_case(settings.pollers._asdict()),
        },
        "peak": {
            "punchesPerSecond": forecast.arriving,
            "requestsPerSecond": _most(forecast, lambda second: second.requests),
            "throttled": forecast.throttled,
            "lastAcceptedSecondsAfter": measures["last one accepted, s after the peak"],
            "deepestQueue": _most(forecast, lambda second: second.queued),
            "oldestSeconds": forecast.oldest,
            "storedSeconds": forecast.peak.end if forecast.peak.is_over else None,
            "connections": measures["connections"],
            "batches": sum(second.batches for second in forecast.peak.seconds),
            "bounds": [camel_case(bound._asdict()) for bound in forecast.peak.bounds],
        },
        "fits": forecast.fits,
        "change": [] if forecast.fits else [str(each) for each in _advice(assumed, forecast, better)],
        "command": command_line(better, forecast.workload.employees) if better else None,
        "month": _document_of_bill(forecast.month),
        "alwaysOn": _document_of_bill(forecast.always_on),
        "prices": {
            "region": prices.region,
            "dated": prices.dated,
            "sources": prices.sources,
            "leftOut": prices.left_out,
        },
    }


def _document_of_bill(lines: Sequence[Line]) -> dict[str, Any]:
    return {"lines": [line._asdict() for line in lines], "dollars": round(costs.total(lines), 2)}
