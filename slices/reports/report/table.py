"""Tables of reports, which each format writes. Columns say how people read their values.

Programs read them as their types say: see `plain`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from slices.reports.report.i18n import Language, clock


class Kind(NamedTuple):
    """Kind of a column's values."""

    look: str  # text, which may wrap; whole, which does not; figure, which stands to the right; bar
    shown: Callable[[Any, Language], str]
    unit: str = ""  # what the name of the column ends with for programs


TEXT = Kind("text", lambda value, _: str(value))
WORD = Kind("whole", lambda value, _: str(value))
FIGURE = Kind("figure", lambda value, _: str(value))  # also a number that is a name
NUMBER = Kind("figure", lambda value, language: language.number(value))
WORKED = Kind("figure", lambda minutes, _: clock(minutes))
CLOCK = Kind("figure", lambda at, _: f"{at:%H:%M}")
SPAN = Kind("figure", lambda span, language: language.span(span), "_segundos")
DATE = Kind("whole", lambda day, language: language.date(day))
BAR = Kind("bar", lambda share, _: f"{100 * share:.1f}")  # of the longest one, percent; the last column, without a name


def instant_in(zone: ZoneInfo) -> Kind:
    """Return the kind of instants that people read in a time zone."""
    return Kind("whole", lambda instant, language: language.date_time(instant.astimezone(zone)))


class Column(NamedTuple):
    """A column: how wide it is on a terminal, as `tables.Column` says."""

    name: str  # the database's
    kind: Kind = TEXT
    missing: tuple[str, str] | None = None  # the word (section, name) that people read where there is no value
    least: int = 0
    most: int = 0
    leaves: bool = False

    def heading(self, language: Language) -> str:
        """Return the heading."""
        return language.column(self.name) if self.name else ""

    def cell(self, value: Any, language: Language) -> str:
        """Format a value for people."""
        if value is not None:
            return self.kind.shown(value, language)
        return language.word(*self.missing) if self.missing else ""


class _Shown(dict[Any, str]):
    """Cells of a column by their values; each value is formatted once."""

    def __init__(self, column: Column, language: Language) -> None:
        self._column = column
        self._language = language

    def __missing__(self, value: Any) -> str:
        self[value] = cell = self._column.cell(value, self._language)
        return cell


class Table(NamedTuple):
    """Rows, and what people read around them."""

    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]  # read once
    title: str = ""
    notes: Sequence[str] = ()
    empty: str = ""  # instead of rows, where there are none; without it the table is left out then
    warning: str = ""  # instead of rows
    picture: str = ""  # of a page, above the rows: an element
    anchor: str = ""  # on a page, for links to it

    def only(self, *names: str) -> "Table":
        """Return the table with some columns, in this order."""
        places = [[column.name for column in self.columns].index(name) for name in names]
        return self._replace(
            columns=[self.columns[at] for at in places], rows=([row[at] for at in places] for row in self.rows)
        )

    def without(self, name: str) -> "Table":
        """Return the table without a column."""
        return self.only(*(column.name for column in self.columns if column.name != name))

    def cells(self, language: Language) -> Iterator[list[str]]:
        """Yield the rows as people read them."""
        shown = [_Shown(column, language) for column in self.columns]
        for row in self.rows:
            yield [of_column[value] for of_column, value in zip(shown, row, strict=True)]

    def keys(self) -> list[str]:
        """Return the columns' names for programs."""
        return [column.name + column.kind.unit for column in self.columns]

    def records(self) -> Iterator[dict[str, Any]]:
        """Return the rows for programs."""
        names = self.keys()
        return (dict(zip(names, map(plain, row), strict=True)) for row in self.rows)


class Report(NamedTuple):
    """A report: for people its tables below some lines, for programs one table."""

    title: str
    lines: Sequence[str]  # empty ones are left out
    tables: Sequence[Table]
    csv: Table = Table((), ())
    head: Mapping[str, Any] = {}  # how the json begins
    listed: tuple[str, Table] | None = None  # how it ends: a name, and a list that may be long

    def shown(self, language: Language) -> Iterator[tuple[Table, list[list[str]]]]:
        """Yield the tables that people see, each with its rows as they read them."""
        for table in self.tables:
            rows = list(table.cells(language))
            if rows or table.empty or table.warning:
                yield table, rows


def plain(value: Any) -> Any:
    """Return a value for programs: times in ISO 8601, local ones to the minute; lengths of time in seconds."""
    match value:
        case timedelta():
            seconds = value.total_seconds()
            return int(seconds) if seconds.is_integer() else seconds
        case datetime() if value.tzinfo:
            return value.isoformat().replace("+00:00", "Z")
        case datetime() | time():
            return value.isoformat(timespec="minutes")
        case date():
            return value.isoformat()
        case list():
            return [plain(each) for each in value]
        case dict():
            return {name: plain(each) for name, each in value.items()}
    return value
