"""Tables of a report.

text and html display values in the formats of the columns; csv and json contain the results of `to_plain_value`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from slices.reports.report.i18n import Language, format_minutes
from tools.kit.tables import Column


class ColumnFormat(NamedTuple):
    """Display format of a column's values."""

    style: str  # CSS class: text wraps, whole does not, figure is right-aligned
    format_value: Callable[[Any, Language], str]
    unit_suffix: str = ""  # added to the column's name in csv and json


TEXT = ColumnFormat("text", lambda value, _: str(value))
WORD = ColumnFormat("whole", lambda value, _: str(value))
FIGURE = ColumnFormat("figure", lambda value, _: str(value))  # employee numbers and other numbers without separators
NUMBER = ColumnFormat("figure", lambda value, language: language.number(value))
WORKED = ColumnFormat("figure", lambda minutes, _: format_minutes(minutes))
CLOCK = ColumnFormat("figure", lambda at, _: f"{at:%H:%M}")
SPAN = ColumnFormat("figure", lambda span, language: language.span(span), "_segundos")
DATE = ColumnFormat("whole", lambda day, language: language.date(day))


def instant_format(zone: ZoneInfo) -> ColumnFormat:
    """Return the format of instants in a time zone."""
    return ColumnFormat("whole", lambda instant, language: language.date_time(instant.astimezone(zone)))


class ReportColumn(NamedTuple):
    """A column of a report's table. Its widths are those of text, where it wraps if it has a minimum width."""

    name: str  # of the database's column
    format: ColumnFormat = TEXT
    missing: tuple[str, str] | None = None  # section and name of the text shown for None
    min_width: int = 0
    max_width: int = 0
    is_optional: bool = False
    label: str = ""  # in place of the translated name

    def heading(self, language: Language) -> str:
        """Return the translated heading."""
        return self.label or (language.column(self.name) if self.name else "")

    def text_column(self, language: Language) -> Column:
        """Return the column as text."""
        return Column(
            self.heading(language),
            align_right=self.format.style == "figure",
            wraps=self.min_width > 0,
            min_width=self.min_width,
            max_width=self.max_width,
            is_optional=self.is_optional,
        )

    def format_cell(self, value: Any, language: Language) -> str:
        """Format a value for text and html."""
        if value is not None:
            return self.format.format_value(value, language)
        return language.word(*self.missing) if self.missing else ""


class ReportTable(NamedTuple):
    """Rows, and the texts around them in text and html."""

    columns: Sequence[ReportColumn]
    rows: Iterable[Sequence[Any]]  # iterated once
    title: str = ""
    notes: Sequence[str] = ()
    empty: str = ""  # text in place of the rows if there are none; without this text, the table is omitted
    warning: str = ""  # text in place of the rows
    anchor: str = ""  # HTML id of the title

    def select(self, *names: str) -> "ReportTable":
        """Return the table with only these columns, in this order."""
        indexes = [[column.name for column in self.columns].index(name) for name in names]
        return self._replace(
            columns=[self.columns[index] for index in indexes],
            rows=([row[index] for index in indexes] for row in self.rows),
        )

    def drop(self, *names: str) -> "ReportTable":
        """Return the table without some columns."""
        return self.select(*(column.name for column in self.columns if column.name not in names))

    def format_rows(self, language: Language) -> Iterator[list[str]]:
        """Yield the rows with formatted cells."""
        for row in self.rows:
            yield [column.format_cell(value, language) for column, value in zip(self.columns, row, strict=True)]

    def data_keys(self) -> list[str]:
        """Return the names of the columns in csv and json."""
        return [column.name + column.format.unit_suffix for column in self.columns]

    def to_records(self) -> Iterator[dict[str, Any]]:
        """Return the rows as dictionaries of plain values, for json."""
        names = self.data_keys()
        return (dict(zip(names, map(to_plain_value, row), strict=True)) for row in self.rows)


class Report(NamedTuple):
    """A report: lines and tables for text, a table for csv, and fields and a list for json."""

    title: str
    lines: Sequence[str]  # below the title; empty ones are omitted
    tables: Sequence[ReportTable]
    csv: ReportTable = ReportTable((), ())
    json_fields: Mapping[str, Any] = {}
    json_list: tuple[str, ReportTable] | None = None  # name and rows of the last field of json

    def visible_tables(self, language: Language) -> Iterator[tuple[ReportTable, list[list[str]]]]:
        """Yield the tables of text and html that are not omitted, each with its formatted rows."""
        for table in self.tables:
            rows = list(table.format_rows(language))
            if rows or table.empty or table.warning:
                yield table, rows


def to_plain_value(value: Any) -> Any:
    """Return a value for csv and json: times in ISO 8601, local ones to the minute; durations in seconds."""
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
            return [to_plain_value(element) for element in value]
        case dict():
            return {name: to_plain_value(element) for name, element in value.items()}
    return value
