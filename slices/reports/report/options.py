"""Options shared by several reports."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from slices.reports.report.i18n import LANGUAGES, Language
from slices.reports.report.output import FORMATS, SEPARATORS, Output
from slices.reports.report.period import DEFAULT_DAYS, Days
from slices.reports.report.report_context import EmployeeIds
from tools.kit import commands, reader, shared_options

Function = TypeVar("Function", bound=Callable[..., Any])
Option = Callable[[Any], Any]

STATUS = """exit status: 0 done, 1 incomplete, or nothing to report,
2 the request or the database is wrong
"""


def command(name: str, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that creates the command of a report; `example` has the options of the example in the help."""
    return commands.command(name, epilog=f"example:\n  ponto report {name} {example}\n\n{reader.EPILOG}\n{STATUS}")


def collect_options(argument: str, factory: Callable[..., Any], **options: Option) -> Callable[[Function], Function]:
    """Return a decorator that adds options, and passes `factory(**option_values)` as one argument."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **arguments: Any) -> Any:
            value = factory(**{name: arguments.pop(name) for name in options})
            return function(*args, **{argument: value}, **arguments)

        for option in reversed(options.values()):
            call = option(call)
        return cast(Function, call)

    return decorate


def language(text: str) -> Option:
    """Return the option --lang, which passes the argument `language`."""
    return click.option(
        "--lang",
        "language",
        type=click.Choice(LANGUAGES),
        default="en",
        callback=lambda _, __, name: Language(name),
        help=text,
    )


def output_options(*formats: str) -> Callable[[Function], Function]:
    """Return a decorator that adds the options of the output (`output`) and of the database (`target_options`).

    Args:
        formats: formats of the report, in addition to `FORMATS`.
    """
    add_output = collect_options(
        "output",
        Output,
        format=click.option(
            "--format",
            type=click.Choice((*FORMATS, *formats)),
            default="text",
            help="Format of the report; csv and json are for programs.",
        ),
        separator=click.option(
            "--separator",
            type=click.Choice(SEPARATORS),
            default=",",
            help="Separator of csv; Brazilian Excel expects ;.",
        ),
        language=language(f"Language of {' and '.join(('text', *formats))}."),
        file=click.option(
            "--output", "file", type=shared_options.FILE, metavar="FILE", help="Write to a file that only you may read."
        ),
        force=shared_options.force,
    )
    return lambda function: add_output(reader.options(function))


def employees(text: str) -> Option:
    """Return the option --employee, which passes the argument `employee_ids`: distinct numbers in order, or None."""

    def sort_distinct(_: click.Context, __: click.Parameter, numbers: tuple[int, ...]) -> EmployeeIds:
        return sorted(set(numbers)) or None

    return click.option(
        "--employee",
        "employee_ids",
        type=shared_options.EMPLOYEE,
        multiple=True,
        metavar="N",
        callback=sort_distinct,
        help=text,
    )


month = click.option("--month", type=shared_options.MONTH, required=True, help="Month of the report.")

as_of = click.option(
    "--as-of", type=shared_options.TIME, help="Report as of this time, at least two minutes ago (default: now)."
)


def days(label: str = "working day", reason: str = "") -> Callable[[Function], Function]:
    """Return a decorator that adds the options of a report's days, passed as `days`.

    Args:
        label: what the help calls a day.
        reason: text after "default: yesterday" in the help of --to.
    """
    return collect_options(
        "days",
        Days,
        month=click.option(
            "--month",
            cls=shared_options.MutuallyExclusiveOption,
            excludes=("--from", "--to"),
            type=shared_options.MONTH,
            help="Whole month, instead of --from and --to.",
        ),
        first=click.option(
            "--from", "first", type=shared_options.DAY, help=f"First {label} (default: {DEFAULT_DAYS} days up to --to)."
        ),
        last=click.option("--to", "last", type=shared_options.DAY, help=f"Last {label} (default: yesterday{reason})."),
    )
