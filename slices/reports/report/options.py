"""Options that several reports share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from slices.reports.report.i18n import LANGUAGES, Language
from slices.reports.report.output import FORMATS, SEPARATORS, Output
from slices.reports.report.period import DEFAULT_DAYS, Days
from slices.reports.report.report_context import Employees
from tools.kit import commands, reader
from tools.kit import options as opt

Function = TypeVar("Function", bound=Callable[..., Any])
Option = Callable[[Any], Any]

STATUS = """exit status: 0 done, 1 not all of it, or nothing to report on,
2 the request or the database is wrong
"""


def command(name: str, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a function a report's command; `example` is the rest of its example."""
    return commands.command(name, epilog=f"example:\n  ponto report {name} {example}\n\n{reader.EPILOG}\n{STATUS}")


def collect_options(argument: str, make: Callable[..., Any], **options: Option) -> Callable[[Function], Function]:
    """Add options to a command, in the order of the help; `make` turns their values into one argument."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **arguments: Any) -> Any:
            value = make(**{name: arguments.pop(name) for name in options})
            return function(*args, **{argument: value}, **arguments)

        for option in reversed(options.values()):
            call = option(call)
        return cast(Function, call)

    return decorate


def language(text: str) -> Option:
    """Return the option of the language, as the argument `language`."""
    return click.option(
        "--lang",
        "language",
        type=click.Choice(LANGUAGES),
        default="en",
        callback=lambda _, __, name: Language(name),
        help=text,
    )


def output_options(function: Function) -> Function:
    """Add the options of how and where a command writes, as `output`, and where it reads, as `where`."""
    with_output = collect_options(
        "output",
        Output,
        format=click.option(
            "--format", type=click.Choice(FORMATS), default="text", help="csv and json are for programs."
        ),
        separator=click.option(
            "--separator",
            type=click.Choice(SEPARATORS),
            default=",",
            help="Of csv; a Brazilian Excel expects ;.",
        ),
        language=language("Of text and html."),
        file=click.option(
            "--output", "file", type=opt.FILE, metavar="FILE", help="Write a file, which only you may read."
        ),
        force=opt.force,
    )
    return with_output(reader.options(function))


def employees(text: str) -> Option:
    """Return the option of the employees, as the argument `employees`: their numbers in order, each once."""

    def distinct(_: click.Context, __: click.Parameter, numbers: tuple[int, ...]) -> Employees:
        return sorted(set(numbers)) or None

    return click.option(
        "--employee", "employees", type=opt.EMPLOYEE, multiple=True, metavar="N", callback=distinct, help=text
    )


month = click.option("--month", type=opt.MONTH, required=True)

as_of = click.option("--as-of", type=opt.TIME, help="What it said then, two minutes back or more (default: now).")


def days(first: str = "Working day", why: str = "") -> Callable[[Function], Function]:
    """Return the options of a report's days, as `days`; the help names their kind, and why they end yesterday."""
    return collect_options(
        "days",
        Days,
        month=click.option(
            "--month",
            cls=opt.MutuallyExclusiveOption,
            excludes=("--from", "--to"),
            type=opt.MONTH,
            help="Instead of --from and --to.",
        ),
        first=click.option("--from", "first", type=opt.DAY, help=f"{first} (default {DEFAULT_DAYS} days until --to)."),
        last=click.option("--to", "last", type=opt.DAY, help=f"The last day (default yesterday{why})."),
    )
