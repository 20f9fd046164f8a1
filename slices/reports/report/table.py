"""Tables of reports, which each format writes. Columns say how people read their values.

Programs read them as their types say: see `plain`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from slices.reports.report.i18n import Language, format_minutes


class ColumnFormat(NamedTuple):
    """Kind of a column's values."""

    style: str  # text, which may wrap; whole, which does not; figure, which stands to the right; bar
    format_value: Callable[[Any, Language], str]
    unit_suffix: str = ""  # what the name of the column ends with for programs


TEXT = ColumnFormat("text", lambda value, _: str(value))
WORD = ColumnFormat("whole", lambda value, _: str(value))
FIGURE = ColumnFormat("figure", lambda value, _: str(value))  # also a number that is a name
NUMBER = ColumnFormat("figure", lambda value, language: language.number(value))
WORKED = ColumnFormat("figure", lambda minutes, _: format_minutes(minutes))
CLOCK = ColumnFormat("figure", lambda at, _: f"{at:%H:%M}")
SPAN = ColumnFormat("figure", lambda span, language: language.span(span), "_segundos")
DATE = ColumnFormat("whole", lambda day, language: language.date(day))
BAR = ColumnFormat(
    "bar", lambda share, _: f"{100 * share:.1f}"
)  # of the longest one, percent; the last column, without a name


def instant_format(zone: ZoneInfo) -> ColumnFormat:
    """Return the kind of instants that people read in a time zone."""
    return ColumnFormat("whole", lambda instant, language: language.date_time(instant.astimezone(zone)))


class ReportColumn(NamedTuple):
    """A column: how wide it is on a terminal, as `tables.Column` says."""

    name: str  # the database's
    format: ColumnFormat = TEXT
    missing: tuple[str, str] | None = None  # the word (section, name) that people read where there is no value
    min_width: int = 0
    max_width: int = 0
    is_optional: bool = False

    def heading(self, language: Language) -> str:
        """Return the heading."""
        return language.column(self.name) if self.name else ""

    def cell(self, value: Any, language: Language) -> str:
        """Format a value for people."""
        if value is not None:
            return self.format.format_value(value, language)
        return language.word(*self.missing) if self.missing else ""


class _CellCache(dict[Any, str]):
    """Cells of a column by their values; each value is formatted once."""

    def __init__(self, column: ReportColumn, language: Language) -> None:
        self._column = column
        self._language = language

    def __missing__(self, value: Any) -> str:
        self[value] = cell = self._column.cell(value, self._language)
        return cell


class ReportTable(NamedTuple):
    """Rows, and what people read around them."""

    columns: Sequence[ReportColumn]
    rows: Iterable[Sequence[Any]]  # read once
    title: str = ""
    notes: Sequence[str] = ()
    empty: str = ""  # instead of rows, where there are none; without it the table is left out then
    warning: str = ""  # instead of rows
    picture: str = ""  # of a page, above the rows: an element
    anchor: str = ""  # on a page, for links to it

    def select_columns(self, *names: str) -> "ReportTable":
        """Return the table with some columns, in this order."""
        places = [[column.name for column in self.columns].index(name) for name in names]
        return self._replace(
            columns=[self.columns[at] for at in places], rows=([row[at] for at in places] for row in self.rows)
        )

    def drop_column(self, name: str) -> "ReportTable":
        """Return the table without a column."""
        return self.select_columns(*(column.name for column in self.columns if column.name != name))

    def format_rows(self, language: Language) -> Iterator[list[str]]:
        """Yield the rows as people read them."""
        caches = [_CellCache(column, language) for column in self.columns]
        for row in self.rows:
            yield [cache[value] for cache, value in zip(caches, row, strict=True)]

    def json_keys(self) -> list[str]:
        """Return the columns' names for programs."""
        return [column.name + column.format.unit_suffix for column in self.columns]

    def to_records(self) -> Iterator[dict[str, Any]]:
        """Return the rows for programs."""
        names = self.json_keys()
        return (dict(zip(names, map(to_plain_value, row), strict=True)) for row in self.rows)


class Report(NamedTuple):
    """A report: for people its tables below some lines, for programs one table."""

    title: str
    lines: Sequence[str]  # empty ones are left out
    tables: Sequence[ReportTable]
    csv: ReportTable = ReportTable((), ())
    json_fields: Mapping[str, Any] = {}  # how the json begins
    json_list: tuple[str, ReportTable] | None = None  # how it ends: a name, and a list that may be long

    def visible_tables(self, language: Language) -> Iterator[tuple[ReportTable, list[list[str]]]]:
        """Yield the tables that people see, each with its rows as they read them."""
        for table in self.tables:
            rows = list(table.format_rows(language))
            if rows or table.empty or table.warning:
                yield table, rows


def to_plain_value(value: Any) -> Any:
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
            return [to_plain_value(each) for each in value]
        case dict():
            return {name: to_plain_value(each) for name, each in value.items()}
    return value
