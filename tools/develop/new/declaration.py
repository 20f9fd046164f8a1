"""Loading and checking of a file that declares an event."""

import builtins
import importlib.util
import json
import keyword
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ForwardRef

from ponto.drain.parser import InvalidPunchError, create_parser
from ponto.punch import EVENT
from ponto.shared.event import Event
from ponto.shared.fields import MAX_SAFE_INTEGER, Field, Kind, display_text
from tools.develop.new import patterns, words
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.kit.values import declared_pattern

MAX_TABLE_LENGTH = 40
"""Maximum number of characters of a table's name: names of indexes and triggers begin with it, and have at most 63."""

_TABLES = frozenset(("falha", "migracao", "migracao_papel", "migracao_repetivel"))  # of every copy
_FUNCTIONS = frozenset(("read", "receipt", "schema"))  # of every copy, or of its slices
_SYSTEM_COLUMNS = frozenset(("cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"))
_MESSAGE_COLUMNS = frozenset(("recebida_em", "gravada_em", "mensagem_id", "chave", "recebida_ms", "entry", "position"))
_MAX_COLUMN_LENGTH = 63  # of PostgreSQL
_MAX_TEXT_LENGTH = 10_000  # the gateway accepts bodies of up to 64 KiB

_PYTHON_TYPES: dict[str, type] = {
    "integer": int,
    "number": float,
    "decimal": Decimal,
    "boolean": bool,
    "enumeration": str,
    "text": str,
    "display_text": str,
    "uuid": str,
    "timestamp": datetime,
}
_ID_KINDS = ("integer", "uuid", "enumeration", "text", "display_text")
"""Kinds of columns from which an id can be derived: those whose values are written in one way."""

_is_noun = re.compile("[a-z]{3,30}").fullmatch
_is_portuguese = re.compile("(?=.{2,40}$)[a-záâãàçéêíóôõú]+(?:[ -][a-záâãàçéêíóôõú]+){0,2}").fullmatch
_is_sql_name = re.compile("[a-z][a-z0-9]*(?:_[a-z0-9]+)*").fullmatch
_is_service = re.compile("[a-z][a-z0-9]*(?:-[a-z0-9]+)*").fullmatch
_is_path = re.compile("/[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch


def load(text: str, path: str) -> Event:
    """Return the event that a Python file declares as `EVENT`.

    Args:
        text: the file's text, which imports from the origin.
        path: path of the file, for messages.

    Raises:
        CommandError: the file cannot be executed, or declares no event, or the declaration has mistakes. Each line of
            the message names a field, what is wrong with it, and the remedy.
    """
    event = execute(text, path)
    mistakes: dict[str, str] = {}  # the first one of each field
    for check in _CHECKS:
        try:
            for mistake in check(event):
                mistakes.setdefault(mistake.partition(":")[0], mistake)
        except Exception:  # it relies on what an earlier check found wrong
            if not mistakes:
                raise
    if mistakes:
        raise CommandError("\n".join(f"EVENT: {mistake}" for mistake in mistakes.values()))
    return event


def execute(text: str, path: str) -> Event:
    """Return the event that a Python file declares, without checking it; see `load`."""
    variables: dict[str, Any] = {"__name__": Path(path).stem}
    try:
        exec(compile(text, path, "exec"), variables)  # noqa: S102  the owner's file
    except (Exception, SystemExit) as error:  # the file may contain any mistake
        line = error.lineno if isinstance(error, SyntaxError) else None
        for frame in traceback.extract_tb(error.__traceback__):
            line = frame.lineno if frame.filename == path else line
        place = f"{path}, line {line}" if line else path
        reason = error.msg if isinstance(error, SyntaxError) else error  # its text would name the line again
        raise CommandError(f"EVENT: {place}: {type(error).__name__}: {reason}. Correct the file.") from error
    event = variables.get("EVENT")
    if not isinstance(event, Event):
        raise CommandError(f"EVENT: {path} declares no `EVENT`. Assign an `Event` of ponto/shared/event.py to it.")
    return event


def _check_types(event: Event) -> Iterator[str]:
    """Check the types of the declaration, which Python does not."""
    if not (isinstance(event.row, type) and issubclass(event.row, tuple) and hasattr(event.row, "_fields")):
        yield "row: not a NamedTuple. Declare the columns as `class Scan(NamedTuple):`."
    for name in ("noun", "subject_noun"):
        if not _are_strings(getattr(event, name)) or len(getattr(event, name)) != 2:
            yield f'{name}: not two texts. Give singular and plural: ("scan", "scans").'
    for name in ("service", "path", "table", "subject", "instant"):
        if not isinstance(getattr(event, name), str):
            yield f"{name}: not a text. Put it in quotation marks."
    for name in ("device", "offset", "plural_pt"):
        if not isinstance(getattr(event, name), str | None):
            yield f"{name}: neither a text nor None. Put it in quotation marks, or leave it out."
    for name in ("same", *(() if event.derived_id is None else ("derived_id",))):
        if not _are_strings(getattr(event, name)):
            yield f'{name}: not a tuple of texts. Name its columns, with a comma if it is one: ("column",).'
    for name in ("examples", "conflicting"):
        if not _are_bodies(getattr(event, name)) or len(getattr(event, name)) < 2:
            yield f"{name}: not at least two bodies. Give two dictionaries with fields by their names in JSON."


def _are_strings(values: object) -> bool:
    return isinstance(values, tuple) and bool(values) and all(isinstance(value, str) for value in values)


def _are_bodies(values: object) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, dict) for value in values)


def _check_columns(event: Event) -> Iterator[str]:
    """Check the names, types and defaults of the columns."""
    if event.row._fields[:1] != ("id",):
        yield "id: not the first column. Begin the class with `id: Annotated[str, uuid(...)]`."
    for column in event.row._fields:
        hint = event.row.__annotations__[column]
        if reason := _name_mistake(column, _MAX_COLUMN_LENGTH):
            yield f"{column}: {reason}. Rename the column."
        elif column in _MESSAGE_COLUMNS:
            yield f"{column}: a name that the project uses for the message. Rename the column."
        elif column in _SYSTEM_COLUMNS:
            yield f"{column}: a system column of PostgreSQL. Rename the column."
        elif hasattr(tuple, column):
            yield f"{column}: an attribute of Python's tuples. Rename the column."
        elif isinstance(hint, str | ForwardRef):
            yield f"{column}: its type is a text. Remove quotation marks, and `from __future__ import annotations`."
        elif column == event.offset:
            if hint != int | None or event.row._field_defaults.get(column, 0) is not None:
                yield f"{column}: not declared as the offset. Write `{column}: int | None = None`."
        elif not isinstance(getattr(hint, "__metadata__", (None,))[0], Kind):
            yield f"{column}: has no kind. Write a type and a kind of shared/fields.py: `Annotated[int, integer(...)]`."
        else:
            yield from _check_type(column, hint, event.row._field_defaults)
    if event.offset is not None and event.offset not in event.row._fields:
        yield f"offset: {event.offset} is no column. Add `{event.offset}: int | None = None`, or leave the offset out."


def _check_type(column: str, hint: Any, defaults: Mapping[str, object]) -> Iterator[str]:
    kind = hint.__metadata__[0]
    type_ = _PYTHON_TYPES[kind.name]
    name = f"{type_.__name__} | None" if column in defaults else type_.__name__
    if hint.__origin__ == type_ | None and column not in defaults:
        yield f"{column}: may be None, but has no default. Add `= None`, or remove `| None` if it is required."
    elif defaults.get(column) is not None:
        yield f"{column}: has a default other than None. Write `= None`, or none if the column is required."
    elif hint.__origin__ != (type_ | None if column in defaults else type_):
        yield f"{column}: the type does not fit the kind {kind.name} and the default. Write `Annotated[{name}, ...]`."


def _name_mistake(name: str, max_length: int) -> str | None:
    """Return why a name cannot be that of a table or a column."""
    if not _is_sql_name(name) or len(name) > max_length:
        return f"not a name of at most {max_length} letters from a to z and digits, with a letter first, and single `_`"
    if name in words.SQL_RESERVED:
        return "a reserved word of SQL"
    if keyword.iskeyword(name):
        return "a keyword of Python"
    return None


def _check_kinds(event: Event) -> Iterator[str]:
    """Check the parameters of the kinds."""
    names: dict[str, str] = {}
    for column, field in event.fields.items():
        if (other := names.setdefault(field.name, column)) != column:
            yield f"{column}: has the name {field.name} in JSON, as {other} has. Rename one of them."
        description = field.kind.description
        if not isinstance(description, str) or not description.strip() or not description.isprintable():
            yield f"{column}: has no description of one line. Say what the field means."
        elif "${" in description:
            yield f"{column}: its description has `${{`, which osls takes for a variable. Remove it."
        elif reason := _kind_mistake(field.kind):
            yield f"{column}: {reason}"


def _kind_mistake(kind: Kind) -> str | None:
    """Return what is wrong with the parameters of a kind, and the remedy."""
    match kind.name:
        case "integer" | "number":
            low, high = kind.limits or (0, 0)
            if type(low) is not int or type(high) is not int or low > high:
                return f"{low} to {high} is no range of integers. Give the lower limit first."
            if low < -MAX_SAFE_INTEGER or high > MAX_SAFE_INTEGER:
                return "exceeds MAX_SAFE_INTEGER. Use this limit, or the kind decimal."
        case "enumeration":
            return _enumeration_mistake(kind.keywords["enum"])
        case "text" | "display_text":
            low, high = kind.keywords.get("minLength", 0), kind.keywords["maxLength"]
            if (
                type(low) is not int
                or type(high) is not int
                or not 0 <= low <= high
                or not 1 <= high <= _MAX_TEXT_LENGTH
            ):
                return f"its lengths are not in the range from 1 to {_MAX_TEXT_LENGTH}. Correct them."
            if kind.name == "text" and (mistake := patterns.find_mistake(declared_pattern(kind))):
                return (
                    f"the pattern {mistake}, which Python, Java, JavaScript and PostgreSQL may read differently. Use "
                    "characters, `\\` before special ones, classes such as [0-9A-Z-], and after each of them ?, {2} or "
                    "{2,5}."
                )
            if kind.name == "text" and patterns.is_slow(declared_pattern(kind)):
                return "a client could send a text that takes too many steps to match. Use fewer or shorter ranges."
    return None


def _enumeration_mistake(values: list[Any]) -> str | None:
    value_kind = display_text(64, "", min_length=1)
    for value in values:
        try:
            value_kind.parse(value)
        except ValueError:
            return f"the value {value!a} is no text of 1 to 64 characters on one line. Correct it."
        if "${" in value:
            return f"the value {value!a} has `${{`, which osls takes for a variable. Correct it."
    if not values or len(set(values)) < len(values):
        return "has no values, or one of them twice. List each value once."
    return None


def _check_names(event: Event) -> Iterator[str]:
    """Check the names that the files, the resources and the documents of a copy get."""
    nouns = (*event.noun, *event.subject_noun)
    taken = {path.stem for folder in ("ponto", "ponto/read/sql") for path in (ROOT / folder).iterdir()} - {*EVENT.noun}
    for name, noun in zip(("noun", "noun", "subject_noun", "subject_noun"), nouns, strict=True):
        if not _is_noun(noun):
            yield f"{name}: {noun!r} is not one word of 3 to 30 letters from a to z. Choose another word."
        elif keyword.iskeyword(noun) or hasattr(builtins, noun):
            yield f"{name}: {noun!r} is a word of Python. Choose another word."
        elif nouns.count(noun) > 1:
            yield f"{name}: {noun!r} is used twice. Choose different words for singular, plural, event and subject."
        elif noun in taken:
            yield f"{name}: the project has a file {noun!r}. Choose another word."
    if event.plural_pt is not None and not _is_portuguese(event.plural_pt):
        yield f"plural_pt: {event.plural_pt!r} is not one to three words of lower-case letters. Correct it."
    if _is_noun(event.noun[0]) and event.row.__name__ != event.noun[0].capitalize():
        yield f"row: the class is called {event.row.__name__}. Call it {event.noun[0].capitalize()}, as the noun."
    yield from _check_service(event.service)
    if not _is_path(event.path) or len(event.path) > 60:
        yield f"path: {event.path!r} is no `/` and at most 60 letters from a to z, digits and `-`. Write it as /scans."
    elif event.path in ("/ping", "/sping"):
        yield f"path: API Gateway answers health checks at {event.path}. Choose another path."
    if reason := _name_mistake(event.table, MAX_TABLE_LENGTH):
        yield f"table: {event.table!r} is {reason}. Choose another name."
    elif event.table in _TABLES:
        yield f"table: the project has a table {event.table!r}. Choose another name."


def _check_service(service: str) -> Iterator[str]:
    package = service.replace("-", "")
    if not _is_service(service) or len(package) < 3 or len(service) > words.MAX_SERVICE_LENGTH:
        yield (
            f"service: {service!r} is no name of 3 to {words.MAX_SERVICE_LENGTH} letters from a to z, digits and "
            "single `-` between them, with a letter first; names of functions begin with it. Choose another name."
        )
    elif (
        package in _FUNCTIONS
        or package in sys.stdlib_module_names
        or keyword.iskeyword(package)
        or package in words.SQL_RESERVED
        or package == "public"
        or (ROOT / package).exists()
        or (ROOT / f"{package}.py").exists()
        or importlib.util.find_spec(package)
    ):
        yield f"service: {package} is a word or a module of Python, SQL, the project or a package. Choose another name."


def _check_roles(event: Event) -> Iterator[str]:
    """Check that the columns which the declaration names fit their roles."""
    if event.fields["id"].kind.name != "uuid" or "id" in event.row._field_defaults:
        yield "id: not a UUID without default. Write `id: Annotated[str, uuid(...)]`."
    yield from _check_subject(event)
    instant = event.fields.get(event.instant)
    if not instant or not instant.required or instant.kind.name != "timestamp":
        yield f"instant: {event.instant} is no required timestamp. Name such a column."
    if "situacao" in (event.subject, event.instant):
        yield "situacao: the name of another field of receipts. Rename the column."
    if event.device is not None:
        device = event.fields.get(event.device)
        if not device or device.kind.name not in ("text", "display_text"):
            yield f"device: {event.device} is no text. Name a column with a text, or leave the device out."
    yield from _check_same(event)
    if event.derived_id is not None:
        yield from _check_derived_id(event, event.derived_id)


def _check_subject(event: Event) -> Iterator[str]:
    """Check the column by whose values events are found, and the one that is reserved."""
    field = event.fields.get(event.subject)
    if not field or not field.required or not _is_subject(field.kind):
        yield (
            f"subject: {event.subject} is no required integer(1, MAX_SAFE_INTEGER, ...), text or enumeration. Name "
            "such a column."
        )
    elif any(_can_match(field, character) for character in '"\\'):
        yield f'subject: {event.subject} may contain `"` or `\\`. Exclude them: the load test fills it in.'
    elif not _is_valid(field.kind, event.reserved_subject):
        yield (
            f"reserved_subject: {event.reserved_subject!r} is no value of {event.subject}: {field.kind.error}. Reserve "
            f"a valid one that no {event.subject_noun[0]} has."
        )


def _is_subject(kind: Kind) -> bool:
    return kind.limits == (1, MAX_SAFE_INTEGER) if kind.name == "integer" else kind.name in ("text", "enumeration")


def _is_valid(kind: Kind, value: object) -> bool:
    try:
        kind.parse(value)
    except ValueError:
        return False
    return True


def _check_same(event: Event) -> Iterator[str]:
    for column in event.same:
        field = event.fields.get(column)
        if column == "id" or not field:
            yield f"same: {column} is no column to compare. Name columns other than id and the offset."
        elif not field.required:
            yield (
                f"same: {column} is optional. Remove it, or remove its default: the queue keeps no order, so chance "
                "would decide which of two copies is stored."
            )
    for column in (event.subject, event.instant):
        if column not in event.same:
            yield f"same: lacks {column}. Add it: an event of another subject or instant is another event."


def _check_derived_id(event: Event, columns: tuple[str, ...]) -> Iterator[str]:
    if event.subject not in columns:
        yield (
            f"derived_id: lacks {event.subject}. Add it: otherwise one {event.subject_noun[0]} could take the id of "
            f"another's {event.noun[0]}."
        )
    for position, column in enumerate(columns):
        field = event.fields.get(column)
        if not field or column in ("id", event.instant):
            yield f"derived_id: {column} is no column to derive an id from. Name columns other than id and the instant."
        elif not field.required:
            yield f"derived_id: {column} is optional. Remove it, or remove its default: a retry must get the same id."
        elif column not in event.same:
            yield (
                f"derived_id: {column} is not in same. Add it to same: otherwise one of two events that differ only in "
                f"{column} would be dropped, if a client sends both with one id."
            )
        elif field.kind.name not in _ID_KINDS:
            yield f"derived_id: {column} is a {field.kind.name}. Name columns of the kinds {', '.join(_ID_KINDS)}."
        elif position < len(columns) - 1 and _can_match(field, "|"):
            yield f"derived_id: the text {column} may contain `|`, which joins the columns. Name it last."


def _can_match(field: Field, character: str) -> bool:
    """Return whether a value of a field may contain a character."""
    match field.kind.name:
        case "display_text":
            return True
        case "text":
            return patterns.can_match(declared_pattern(field.kind), character)
        case "enumeration":
            return any(character in value for value in field.kind.keywords["enum"])
    return False


def _check_examples(event: Event) -> Iterator[str]:
    """Check the examples with the parser that the drain uses."""
    parse = create_parser(event)
    rows = []
    for name, bodies in (("examples", event.examples), ("conflicting", event.conflicting)):
        for number, body in enumerate(bodies, 1):
            try:
                rows.append(parse(json.dumps(body), UTC))
            except (InvalidPunchError, TypeError) as error:
                detail = getattr(error, "detail", error)
                yield f"{name}: body {number} is not valid: {detail}. Correct the body or the field."
    if len(rows) == len(event.examples) + len(event.conflicting):
        examples = rows[:-2]
        if any(row in examples[:number] for number, row in enumerate(examples)):
            yield "examples: two bodies are the same event. Let all of them differ."
        old, new = map(event.comparison_key, rows[-2:])
        if old == new:
            yield f"conflicting: the bodies share {', '.join(event.same)}. Let them differ in at least one of these."


_CHECKS: tuple[Callable[[Event], Iterator[str]], ...] = (
    _check_types,
    _check_columns,
    _check_kinds,
    _check_names,
    _check_roles,
    _check_examples,
)
