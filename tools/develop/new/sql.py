"""SQL files of a copy: this project's, with the columns of the declared event."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ponto.punch import EVENT
from ponto.shared.event import Event
from ponto.shared.fields import Kind
from tools.develop.new.words import ORIGIN, Renaming

_MAX_WIDTH = 120
# Control characters, line breaks and bidirectional controls, as `display_text` refuses them; PostgreSQL has no U+0000.
_CONTROL_CHARACTERS = r"\u0001-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_FILES = (
    "ponto/schema/base/0001_batida.sql",
    "ponto/schema/base/privileges.sql",
    "ponto/schema/base/views/01_weeks.sql",
    "ponto/drain/sql/store.sql",
    "ponto/drain/sql/existing.sql",
    "ponto/read/sql/punch.sql",
    "ponto/read/sql/punches.sql",
    "ponto/read/sql/run_rows.sql",
    "ponto/read/sql/run_count.sql",
    "slices/receipts/schema/privileges.sql",
    "slices/receipts/sql/receipt.sql",
    "slices/receipts/sql/receipts.sql",
)
"""Files of this project with columns of the event."""

_TABLE = re.compile(r"(create table ponto\.batida \(\n).*?(    recebida_em .*?    chave [^,\n]*).*?\n\);", re.DOTALL)
_TABLE_COMMENT = re.compile(r"^comment on table ponto\.batida .*\n", re.MULTILINE)
_COLUMN_COMMENT = re.compile(rf"^comment on column ponto\.batida\.(?:{'|'.join(EVENT.row._fields)}) .*\n", re.MULTILINE)
# Long names would not fit into the index's name.
_ONLY_IN_ORIGIN = re.compile(
    r"^.* -- of the original\n|; null: a punch of the first version|(?<=_semana)_usuario_id(?=_idx)", re.MULTILINE
)
_INSTANT = re.compile(rf"(?<!schema )(?<![\w./]){EVENT.instant}(?![\w./])")  # the column, not the schema or the package


class TableChange(NamedTuple):
    """A difference between the tables of two declarations."""

    name: str  # of a column, or `indexes`
    before: str | None  # None: there is no such column
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name} is new: {self.after}"
        return f"{self.name}: {self.before}\n  becomes {self.after}" if self.after else f"{self.name} is gone"


def generate(texts: Mapping[str, str], event: Event, renaming: Renaming) -> dict[str, str]:
    """Return the SQL files of a copy, by path.

    Args:
        texts: files of this project, by path; those without columns of the event are left out.
        event: declaration of the event.
        renaming: the names of the copy.
    """
    result = {}
    for path in filter(texts.__contains__, _FILES):
        text = _TABLE.sub(r"\1\0definitions\0,\n\2\n);", _ONLY_IN_ORIGIN.sub("", texts[path]))
        text = _TABLE_COMMENT.sub(r"\g<0>\0comments\0\n", _COLUMN_COMMENT.sub("", text))
        for name, part in _parts(EVENT, ORIGIN.package).items():
            text = text.replace(part, f"\0{name}\0")
        text = renaming.rename(_INSTANT.sub("\0instant\0", text))
        for name, part in {**_parts(event, renaming.new.package), "instant": event.instant}.items():
            text = text.replace(f"\0{name}\0", part)
        result[renaming.rename_name(path)] = text
    return result


def _parts(event: Event, package: str) -> dict[str, str]:
    """Return the parts of SQL files that follow from the declaration of an event."""
    shown = ("id", event.subject, event.instant, "recebida_em", "gravada_em", "chave", "mensagem_id", event.device)
    return {
        "columns": _fill(*event.row._fields, "recebida_em", "mensagem_id", "chave"),
        "compared": _fill(*dict.fromkeys(("id", *event.same, "mensagem_id"))),
        "receipt": _fill("id", event.subject, event.instant, "recebida_em", "gravada_em"),
        "shown": f"{{{','.join(filter(None, shown))}}}",
        "device": f"    {event.device or 'null'} as device",
        "values": ",\n".join(_column_values(event)),
        "comparison": ",\n".join(_comparison_key(event)),
        "definitions": ",\n".join(_column_definitions(event)),
        "comments": "\n".join(_column_comments(event, package)),
    }


def compare_tables(old: Event, new: Event) -> list[TableChange]:
    """Return the differences between the tables of two declarations, except comments and the order of the columns."""
    changes = [TableChange("indexes", f"on {old.instant}", f"on {new.instant}")]
    for column in dict.fromkeys((*old.row._fields, *new.row._fields)):
        before, after = (_definition(event, column) if column in event.row._fields else None for event in (old, new))
        changes.append(TableChange(f"column {column}", before, after))
    return [change for change in changes if change.before != change.after]


def _fill(*columns: str) -> str:
    return _wrap(", ".join(columns), "    ")


def _wrap(words: str, indent: str) -> str:
    return textwrap.fill(
        words,
        _MAX_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
    return _wrap(words, "            ").lstrip().replace("\0", " ")


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
