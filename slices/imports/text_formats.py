"""Text of punches: NDJSON, or CSV, whose first line names the columns."""

import csv
import re
from collections.abc import Sequence

import orjson

from ponto.parser import WIRE_FIELDS, describe_unknown_name
from slices.imports.file_formats import InvalidFileError, InvalidLineError, PunchMessage, ReadLine

_COLUMNS = {field.name: field.type for field in WIRE_FIELDS}
_REQUIRED = [field.name for field in WIRE_FIELDS if field.required]

_integer = re.compile("-?(?:0|[1-9][0-9]{0,17})").fullmatch
_number = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch


def create_reader(first: bytes, number: int) -> tuple[ReadLine, bool]:
    """Give what reads the lines of a file by its first line that is not blank, and whether that is a header.

    Raises:
        InvalidFileError: it is neither a JSON object nor a header.
    """
    try:
        text = first.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if text.startswith("{"):
        return _read_json, False
    separator = ";" if text.count(";") > text.count(",") else ","
    try:
        columns = next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        columns = []
    if wrong := _header_fault(columns):
        raise InvalidFileError(
            f"line {number}{wrong}; the columns are {' and '.join(_REQUIRED)}, and of "
            f"{', '.join(name for name in _COLUMNS if name not in _REQUIRED)} those that there are"
        )
    return _csv_reader(columns, separator), True


def _header_fault(columns: Sequence[str]) -> str:
    """Say what is wrong with a header; empty: nothing. It may be a punch: no more than a column's name is quoted."""
    if not set(columns) >= set(_REQUIRED):
        return " is neither a JSON object nor a header, and no slice that is here reads it"
    if unknown := [name for name in columns if name not in _COLUMNS]:
        return f": unknown column{describe_unknown_name(unknown[0])}"
    if twice := [name for name in columns if columns.count(name) > 1]:
        return f": column '{twice[0]}' twice"
    return ""


def _read_json(content: bytes) -> PunchMessage:
    try:
        return PunchMessage(content.decode().strip())
    except UnicodeDecodeError:
        raise InvalidLineError("line: not UTF-8") from None


def _csv_reader(columns: Sequence[str], separator: str) -> ReadLine:
    def read(content: bytes) -> PunchMessage:
        try:
            cells = next(csv.reader([content.decode().strip()], delimiter=separator, strict=True))
        except UnicodeDecodeError:
            raise InvalidLineError("line: not UTF-8") from None
        except csv.Error:
            raise InvalidLineError("line: not CSV") from None
        if len(cells) != len(columns):
            raise InvalidLineError(f"line: {len(cells)} cells, and the header has {len(columns)}")
        fields = {name: _parse_cell(name, cell) for name, cell in zip(columns, cells, strict=True) if cell}
        return PunchMessage(orjson.dumps(fields).decode())

    return read


def _parse_cell(name: str, cell: str) -> object:
    """Give what a cell says in the type of its column; what is none of that type stays a text, and is refused."""
    match _COLUMNS[name]:
        case "integer" if _integer(cell):
            return int(cell)
        case "number" if _number(cell):
            return float(cell)
        case "boolean" if cell in ("true", "false"):
            return cell == "true"
    return cell
