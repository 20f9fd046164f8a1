"""`ponto report`: the options of the reports; each report has a file of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from tools.kit import commands, database, files, pictures, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.report import as_csv, cutoffs, dead_letters, exceptions, figures, gaps, peak, queries, timecard, totals
from tools.report.dead_letters import Queue
from tools.report.i18n import LANGUAGES, Language
from tools.report.output import FORMATS, Output
from tools.report.period import DAYS
from tools.report.queries import Employees, Limits, Reports

Function = TypeVar("Function", bound=Callable[..., Any])

_STATUS = """exit status: 0 done, 1 not all of it, or nobody, or nothing, to report on,
2 the request or the database is wrong
"""
_EPILOG = f"""examples:
  ponto report timecard --employee 123 --month 2026-11
  ponto report timecard --all --month 2026-11 --lang pt --format html \\
    --output november.html
  ponto report totals --month 2026-11 --format csv --output november.csv
  ponto report exceptions --month 2026-11
  ponto report cutoffs --month 2026-11
  ponto report gaps --month 2026-11
  ponto report peak --day 2026-11-23 --picture peak.png

Text and html are written in the language. csv has the database's names, json the same in camelCase; times are ISO 8601,
UTC or local, and lengths of time are minutes or seconds, as the name says. csv: with commas, or --separator ";"; a file
begins with the mark (BOM) by which spreadsheets know UTF-8, a pipe does not. A text that a spreadsheet would run gets
an apostrophe.

{_STATUS}"""


@commands.group(epilog=_EPILOG)
def report() -> None:
    """Time cards, totals, exceptions, cut-offs, gaps, the peak.

    Reports from the database, which is only read (docs/report-command.md).
    """


def _report(name: str, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a report of a function."""
    return report.command(name, epilog=f"example:\n  ponto report {name} {example}\n\n{database.EPILOG}\n{_STATUS}")


def _shared_options(function: Function) -> Function:
    """Give a command the options of the database, as `where`, and of how and where it writes, as `output`."""

    @wraps(function)
    def collected(
        *args: Any, form: str, separator: str, lang: str, file: Path | None, force: bool, **given: Any
    ) -> Any:
        return function(*args, output=Output(form, separator, Language(lang), file, force), **given)

    with_options = database.options()(cast(Function, collected))
    for option in (
        opt.force,
        click.option("--output", "file", type=opt.FILE, metavar="FILE", help="Write a file, which only you may read."),
        click.option("--lang", type=click.Choice(LANGUAGES), default="en", help="Of text and html."),
        click.option(
            "--separator",
            type=click.Choice(as_csv.SEPARATORS),
            default=",",
            help="Of csv; a Brazilian Excel expects ;.",
        ),
        click.option(
            "--format", "form", type=click.Choice(FORMATS), default="text", help="csv and json are for programs."
        ),
    ):
        with_options = option(with_options)
    return with_options


def _employees(text: str) -> Callable[[Function], Function]:
    """Give a command the option of the employees, as the argument `employees`: their numbers in order, each once."""

    def distinct(_: click.Context, __: click.Parameter, numbers: tuple[int, ...]) -> Employees:
        return sorted(set(numbers)) or None

    return click.option(
        "--employee", "employees", type=opt.EMPLOYEE, multiple=True, metavar="N", callback=distinct, help=text
    )


def _limits(function: Function) -> Function:
    """Give a command the options of what an exception is, as the argument `limits`."""

    @wraps(function)
    def collected(*args: Any, **given: Any) -> Any:
        return function(*args, limits=Limits(**{name: given.pop(name) for name in Limits._fields}), **given)

    collected = click.option(
        "--final-days",
        "dias",
        type=opt.Whole(0, 100_000),
        default=3,
        metavar="N",
        help="A day changed more than so many days after its end.",
    )(collected)
    for name, field, default, text in (
        ("--reset", "redefinicao", "60d", "So far from its receipt, a punch is found on the day of its receipt."),
        ("--skew", "desvio", "5m", "Between the device's clock, when it sent, and the time of receipt."),
        ("--earliest", "futuro", "5m", "Received so long before it was punched."),
        ("--latest", "atraso", "1d", "Received so long after it was punched."),
        ("--nearest", "proximas", "1m", "At most so long after the punch before, of the times cut to the minute."),
        ("--longest-day", "jornada_maxima", "10h", "Worked longer in a day."),
    ):
        collected = click.option(name, field, type=opt.AGE, default=default, help=text)(collected)
    return cast(Function, collected)


_month = click.option("--month", type=opt.MONTH, required=True)
_month_instead = click.option(
    "--month", cls=opt.Instead, instead_of=("--from", "--to"), type=opt.MONTH, help="Instead of --from and --to."
)
_first = click.option("--from", "first", type=opt.DAY, help=f"Working day (default {DAYS} days until --to).")


@_report("timecard", "--employee 123 --month 2026-11")
@_employees("Of this one; several times: of each, json as of --all.")
@click.option(
    "--all",
    cls=opt.Instead,
    instead_of=("--employee",),
    one_of_them=True,
    expose_value=False,
    is_flag=True,
    show_default=False,
    help="Of everybody; json: a card a line (JSON Lines); csv: the days, and their totals by `report totals`.",
)
@_month
@_shared_options
def report_timecard(where: database.Where, *, output: Output, employees: Employees, month: date) -> int:
    """Every day of a month, its punches, and the totals."""
    with _opened(where, output) as reports:
        return timecard.write(reports, output, month, employees)


@_report("totals", "--month 2026-11 --format csv")
@_employees("Of this one only; several times: of each.")
@_month
@_shared_options
def report_totals(where: database.Where, *, output: Output, employees: Employees, month: date) -> int:
    """The totals of a month, a row for each employee."""
    with _opened(where, output) as reports:
        return totals.write(reports, output, month, employees)


@_report("exceptions", "--month 2026-11 --longest-day 9h")
@_month_instead
@_first
@click.option(
    "--to",
    "last",
    type=opt.DAY,
    help="The last day (default yesterday: today's punches have no end yet).",
)
@_employees("Of this one only; several times: of each.")
@_limits
@dead_letters.options
@_shared_options
def report_exceptions(
    where: database.Where,
    *,
    output: Output,
    month: date | None,
    first: date | None,
    last: date | None,
    employees: Employees,
    limits: Limits,
    queue: Queue | None,
) -> int:
    """What somebody should look at, and punches not stored.

    T is a length of time, like 45s, 30m, 2h, 7d or 1w.
    """
    if queue and queue.stage not in (None, target.LOCAL) and database.is_local(where):
        raise CommandError(
            f"--stage {queue.stage} names the queue only; name the database with DB_HOST, DB_NAME, DB_USER, DB_PASSWORD"
        )
    with _opened(where, output) as reports:
        return exceptions.write(reports, output, month, first, last, employees, limits, queue, where)


@_report("cutoffs", "--month 2026-11")
@_month_instead
@_first
@click.option("--to", "last", type=opt.DAY, help="The last day (default yesterday).")
@_employees("Of this one, whatever the cut-off splits; several times: of each.")
@click.option(
    "--all",
    "everybody",
    cls=opt.Instead,
    instead_of=("--employee",),
    is_flag=True,
    show_default=False,
    help=f"Of everybody who punched (default: whose cut-off splits {figures.REGULARLY} days or more).",
)
@_shared_options
def report_cutoffs(
    where: database.Where,
    *,
    output: Output,
    month: date | None,
    first: date | None,
    last: date | None,
    employees: Employees,
    everybody: bool,
) -> None:
    """Cut-offs that split shifts, and better ones."""
    with _opened(where, output) as reports:
        cutoffs.write(reports, output, month, first, last, employees, everybody=everybody)


@_report("gaps", "--month 2026-11")
@_month_instead
@click.option("--from", "first", type=opt.DAY, help=f"Day of receipt (default {DAYS} days until --to).")
@click.option("--to", "last", type=opt.DAY, help="The last day (default yesterday).")
@click.option(
    "--all",
    "ever",
    cls=opt.Instead,
    instead_of=("--month", "--from", "--to"),
    is_flag=True,
    show_default=False,
    help="Of all that was ever received.",
)
@_shared_options
def report_gaps(
    where: database.Where,
    *,
    output: Output,
    month: date | None,
    first: date | None,
    last: date | None,
    ever: bool,
) -> None:
    """Numbers of devices that are missing, or came twice."""
    with _opened(where, output) as reports:
        gaps.write(reports, output, month, first, last, ever=ever)


@_report("peak", "--day 2026-11-23 --picture peak.png")
@click.option(
    "--day",
    cls=opt.Instead,
    instead_of=("--from", "--to"),
    type=opt.DAY,
    help="In the stage's time zone (default today).",
)
@click.option("--from", "start", type=opt.TIME, help="ISO 8601; without an offset, the stage's time.")
@click.option("--to", "end", type=opt.TIME, help="With --from.")
@click.option("--picture", type=opt.FILE, metavar="FILE", help="Draw it too: .png or .svg.")
@_shared_options
def report_peak(
    where: database.Where,
    *,
    output: Output,
    day: date | None,
    start: datetime | None,
    end: datetime | None,
    picture: Path | None,
) -> None:
    """The intake minute by minute."""
    if picture:
        pictures.require_format(picture)
        files.require_writable(picture, force=output.force)
    with _opened(where, output) as reports:
        peak.write(reports, output, day, start, end, picture)


@contextmanager
def _opened(where: database.Where, output: Output) -> Iterator[Reports]:
    output.require_writable()
    with database.connect(where, read_only=True) as connection, queries.opened(connection) as reports:
        yield reports
