"""SQL files of a copy of this project, generated from the declaration of its event.

A copy's migrations keep the numbers of this project's, so that later ones can be merged as they are. 0001 creates the
declared table.
"""

import re
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from string import Template
from typing import NamedTuple

from ponto.shared.event import Event
from ponto.shared.fields import Kind

_TEMPLATES = Path(__file__).parent / "templates"
_MAX_WIDTH = 120
# Control characters, line breaks and bidirectional controls, as `display_text` refuses them; PostgreSQL has no U+0000.
_CONTROL_CHARACTERS = r"\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_RECEIPTS = {
    "schema/privileges.sql": "receipt_privileges",
    "sql/receipt.sql": "receipt",
    "sql/receipts.sql": "receipts",
}
_COMMENT = re.compile(r"(?:^-- .*\n)+", re.MULTILINE)


class TableChange(NamedTuple):
    """A difference between the tables of two declarations."""

    name: str  # of a column, or `indexes`
    before: str | None  # None: there is no such column
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name} is new: {self.after}"
        return f"{self.name}: {self.before}\n  becomes {self.after}" if self.after else f"{self.name} is gone"


def generate(event: Event, package: str, slices: Collection[str] = ()) -> dict[str, str]:
    """Return the SQL files of a copy, by path.

    Args:
        event: declaration of the event.
        package: name of the copy's package, which is also its schema and, with an underscore, its roles' prefix.
        slices: slices of the copy.
    """
    (noun, nouns), (subject, subjects) = event.noun, event.subject_noun
    values = {
        "schema": package,
        "table": event.table,
        "path": event.path,
        "noun": noun,
        "nouns": nouns,
        "subject": subject,
        "subjects": subjects,
        "subject_column": event.subject,
        "instant": event.instant,
        "selected_subject": _select(event.subject, f"{subject}_id"),
        "selected_instant": _select(event.instant, "instant"),
        "selected_device": _select(event.device or "null", "device"),
        "shown_columns": ",".join(
            filter(
                None,
                ("id", event.subject, event.instant, "recebida_em", "gravada_em", "chave", "mensagem_id", event.device),
            )
        ),
        "column_definitions": ",\n".join(_column_definitions(event)),
        "column_comments": "\n".join(_column_comments(event, package)),
        "columns": _fill(", ".join((*event.row._fields, "recebida_em", "mensagem_id", "chave")), "    "),
        "compared_columns": _fill(", ".join(dict.fromkeys(("id", *event.same, "mensagem_id"))), "    "),
        "receipt_columns": _fill(", ".join(("id", event.subject, event.instant, "recebida_em", "gravada_em")), "    "),
        "column_values": ",\n".join(_column_values(event)),
        "comparison_key": ",\n".join(_comparison_key(event)),
    }
    files = {
        f"schema/base/0001_{event.table}.sql": "table",
        "schema/base/privileges.sql": "privileges",
        "schema/base/views/01_weeks.sql": "weeks",
        "drain/sql/store.sql": "store",
        "drain/sql/existing.sql": "existing",
        f"read/sql/{noun}.sql": "event",
        f"read/sql/{nouns}.sql": "events",
        "read/sql/run_rows.sql": "run_rows",
        "read/sql/run_count.sql": "run_count",
    }
    result = {f"{package}/{path}": _fill_template(name, values) for path, name in files.items()}
    if "receipts" in slices:
        result |= {f"slices/receipts/{path}": _fill_template(name, values) for path, name in _RECEIPTS.items()}
    return result


def compare_tables(old: Event, new: Event) -> list[TableChange]:
    """Return the differences between the tables of two declarations, except comments and the order of the columns."""
    changes = [TableChange("indexes", f"on {old.instant}", f"on {new.instant}")]
    for column in dict.fromkeys((*old.row._fields, *new.row._fields)):
        before, after = (_definition(event, column) if column in event.row._fields else None for event in (old, new))
        changes.append(TableChange(f"column {column}", before, after))
    return [change for change in changes if change.before != change.after]


def _fill_template(name: str, values: dict[str, str]) -> str:
    template = Template((_TEMPLATES / f"{name}.sql").read_text(encoding="utf-8"))
    return _COMMENT.sub(_wrap_comment, template.substitute(values))


def _wrap_comment(match: re.Match[str]) -> str:
    """Return lines of a comment, wrapped again: nouns have different lengths."""
    words = match[0].replace("\n-- ", " ").removeprefix("-- ")
    return _fill(words, "-- ") + "\n"


def _fill(words: str, indent: str) -> str:
    return textwrap.fill(
        words,
        _MAX_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _select(column: str, name: str) -> str:
    return name if column == name else f"{column} as {name}"


def _column_definitions(event: Event) -> Iterator[str]:
    for column in event.row._fields:
        column_type, conditions = _type_and_conditions(event, column)
        line = f"    {column} {_definition(event, column)}"
        if conditions and len(line) >= _MAX_WIDTH:
            lines = "\n        and ".join(map(_wrap_condition, conditions))
            line = f"    {column} {column_type} check (\n        {lines}\n    )"
        yield line


def _wrap_condition(condition: str) -> str:
    """Return a condition, wrapped between the values of a list: spaces in a value are kept."""
    words = re.sub("'[^']*'", lambda match: match[0].replace(" ", "\0"), condition)
    return _fill(words, "            ").lstrip().replace("\0", " ")


def _definition(event: Event, column: str) -> str:
    """Return type and check of a column in one line."""
    column_type, conditions = _type_and_conditions(event, column)
    return f"{column_type} check ({' and '.join(conditions)})" if conditions else column_type


def _type_and_conditions(event: Event, column: str) -> tuple[str, list[str]]:
    if column == event.offset:
        return "smallint", [f"{column} between -899 and 899"]
    if column == "id":
        return "uuid primary key", []
    field = event.fields[column]
    not_null = " not null" if field.required else ""
    return f"{field.kind.column_type}{not_null}", _conditions(column, field.kind)


def _conditions(column: str, kind: Kind) -> list[str]:
    """Return the conditions of a column's check, which values of the kind satisfy."""
    length = f"char_length({column})"
    match kind.name:
        case "timestamp":
            return [f"{column} >= '1899-12-31 00:00Z'", f"{column} < '3000-01-02 00:00Z'"]
        case "enumeration":
            return [f"{column} in ({', '.join(map(_quote, kind.keywords['enum']))})"]
        case "text":
            # PostgreSQL's $ matches only at the end of the text, so it needs no lookahead.
            pattern = kind.keywords["pattern"].rpartition("(?!")[0] + "$"
            return [f"{length} <= {kind.keywords['maxLength']}", f"{column} ~ {_quote(pattern)}"]
        case "display_text":
            minimum, maximum = kind.keywords.get("minLength"), kind.keywords["maxLength"]
            limits = f"between {minimum} and {maximum}" if minimum else f"<= {maximum}"
            return [f"{length} {limits}", f"{column} !~ '[{_CONTROL_CHARACTERS}]'"]
    if kind.limits:  # NaN is greater than all other numbers
        low, high = kind.limits
        return [f"{column} between {low} and {high}"]
    return []


def _column_comments(event: Event, package: str) -> Iterator[str]:
    for column in event.row._fields:
        description = (
            f"UTC offset that was sent with {event.instant}, minutes east; null: none"
            if column == event.offset
            else event.fields[column].kind.description
        )
        start = f"comment on column {package}.{event.table}.{column} is"
        line = f"{start} {_quote(description)};"
        if len(line) <= _MAX_WIDTH:
            yield line
        else:
            parts = textwrap.wrap(description, _MAX_WIDTH - 10, drop_whitespace=False)
            yield "\n    ".join([start, *map(_quote, parts)]) + ";"


def _column_values(event: Event) -> Iterator[str]:
    for column in event.row._fields:
        column_type = "smallint" if column == event.offset else event.fields[column].kind.column_type
        value = f"entry ->> {{{column}}}"
        alias = " as id" if column == "id" else ""
        yield f"    {value}" if column_type == "text" else f"    ({value})::{column_type}{alias}"


def _comparison_key(event: Event) -> Iterator[str]:
    for column in event.same:
        match event.fields[column].kind.name:
            case "timestamp":
                value = f"(extract(epoch from {column}) * 1000000)::bigint"
            case "decimal":
                value = f"{column}::text"
            case _:
                value = column
        yield f"        '{column}', {value}"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
