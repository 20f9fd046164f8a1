"""Options, and types of option values with their validation, that several commands share."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from ponto.punch import EVENT

_YEARS = range(2000, 2100)  # so that computed dates stay within Python's calendar
_MAX_AGE = timedelta(days=365_000)  # the database can still add it to a date
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Day = TypeVar("Day", date, datetime)
Function = TypeVar("Function", bound=Callable[..., Any])


class ParsedType(click.ParamType[Any]):
    """Type of an option's value, converted by a function."""

    def __init__(self, name: str, expected: str, parse: Callable[[str], Any]) -> None:
        """Create a type.

        Args:
            name: placeholder of a value in the help.
            expected: end of the error message "'x' is ...", with an example: "not a month, like 2026-11".
            parse: converts a text; raises ValueError or OverflowError if it is invalid, or BadParameter with a message.
        """
        self.name = name
        self._expected = expected
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):  # a default value
            return value
        try:
            return self._parse(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is {self._expected}", param, ctx)


class MutuallyExclusiveOption(click.Option):
    """An option that cannot be combined with certain others."""

    def __init__(
        self, *declarations: Any, excludes: Sequence[str], is_group_required: bool = False, **attributes: Any
    ) -> None:
        """Create an option, as `click.Option` does.

        Args:
            excludes: the other options, such as `--from`.
            is_group_required: whether the user must set this option or one of the others.
        """
        super().__init__(*declarations, **attributes)
        self._others = excludes
        self._is_group_required = is_group_required

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        used_options = {option for param in ctx.command.params if param.name in opts for option in param.opts}
        conflicts = [other for other in self._others if other in used_options]
        if not ctx.resilient_parsing:  # True while a shell completes the line
            if self.name in opts and conflicts:
                raise click.UsageError(f"{self.opts[0]} is not allowed with {conflicts[0]}.", ctx)
            if self._is_group_required and self.name not in opts and not conflicts:
                raise click.UsageError(f"Missing option '{self.opts[0]}' or '{self._others[0]}'.", ctx)
        return super().handle_parse_result(ctx, opts, args)


def _require_supported_year(value: Day, text: str) -> Day:
    if value.year not in _YEARS:
        raise click.BadParameter(f"{text!r}: the years are {_YEARS[0]} to {_YEARS[-1]}")
    return value


def _month(text: str) -> date:
    return _require_supported_year(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date(), text)


def _day(text: str) -> date:
    return _require_supported_year(date.fromisoformat(text), text)


def _time(text: str) -> datetime:
    value = _require_supported_year(datetime.fromisoformat(text), text)
    with suppress(ValueError):
        date.fromisoformat(text)  # a date alone, which datetime.fromisoformat reads as midnight
        raise click.BadParameter(f"{text!r} has no time of day, like 2026-11-23T07:30")
    return value


def _age(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdecimal()):
        raise ValueError(text)
    age = timedelta(**{_UNITS[unit]: int(number)})
    if age > _MAX_AGE:
        raise OverflowError(text)
    return age


def _instant_ms(text: str) -> int:
    """Convert ISO 8601 (UTC if it has no offset), or an age such as 2h, to milliseconds since the epoch."""
    try:
        instant = datetime.now(UTC) - _age(text)
    except ValueError:
        parsed = datetime.fromisoformat(text)
        instant = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)


POSITIVE = click.IntRange(1, 2**31 - 1)
COUNT = click.IntRange(0, 2**31 - 1)
PERCENT = click.IntRange(0, 100)
PORT = click.IntRange(1, 65_535)
EMPLOYEE = ParsedType("N", f"not valid: it {EVENT.fields[EVENT.subject].kind.error}", EVENT.parse_subject)
RATE = click.FloatRange(0, min_open=True)
MONTH = ParsedType("YYYY-MM", "not a month, like 2026-11", _month)
DAY = ParsedType("DATE", "not a date, like 2026-11-23", _day)
TIME = ParsedType("TIME", "not a time, like 2026-11-23T07:30", _time)
AGE = ParsedType("T", "not a length of time, like 45s, 30m, 2h, 7d or 1w", _age)
INSTANT_MS = ParsedType(
    "TIME", "neither ISO 8601, like 2026-10-01T08:00Z, nor an age, like 45s, 30m, 2h, 7d or 1w", _instant_ms
)
FILE = click.Path(path_type=Path)

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
force = click.option("--force", is_flag=True, help="Overwrite an existing file.")
state = click.option(
    "--state",
    envvar="PONTO_STATE",
    type=FILE,
    metavar="DIR",
    help="Folder of the local stack (default: PONTO_STATE in the environment, or .local).",
)
