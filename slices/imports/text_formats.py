"""NDJSON and CSV files of punches. The first line of a CSV file names the columns."""

import csv
import re
from collections.abc import Sequence

import orjson

from ponto.drain.parser import describe_unknown_name
from ponto.punch import EVENT
from slices.imports.file_formats import InvalidFileError, InvalidLineError, PunchMessage, ReadLine

_COLUMN_TYPES = {field.name: field.kind.type for field in EVENT.fields_required_first}
_REQUIRED = [field.name for field in EVENT.fields_required_first if field.required]
_OPTIONAL = [field.name for field in EVENT.fields_required_first if not field.required]

_is_integer = re.compile("-?(?:0|[1-9][0-9]{0,17})").fullmatch
_is_number = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch


def create_reader(first_line: bytes, number: int) -> tuple[ReadLine, bool]:
    """Create the function that parses the lines of a file.

    Args:
        first_line: the first line that is not blank.
        number: its line number.

    Returns:
        The function, and whether the first line is a header and no punch.

    Raises:
        InvalidFileError: the first line is neither a JSON object nor a CSV header.
    """
    try:
        text = first_line.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if text.startswith("{"):
        return _read_json, False
    separator = ";" if text.count(";") > text.count(",") else ","
    try:
        columns = next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        columns = []
    if fault := _header_fault(columns):
        raise InvalidFileError(
            f"line {number}: {fault}; required columns: {', '.join(_REQUIRED)}; optional: {', '.join(_OPTIONAL)}"
        )
    return _csv_reader(columns, separator), True


def _header_fault(columns: Sequence[str]) -> str | None:
    """Return what is wrong with a CSV header, if anything; quote at most the name of a column.

    The line may be a punch by mistake, which is personal data.
    """
    if not set(columns) >= set(_REQUIRED):
        return "neither a JSON object nor a CSV header, and no enabled slice reads this format"
    if unknown := [name for name in columns if name not in _COLUMN_TYPES]:
        return f"unknown column{describe_unknown_name(unknown[0])}"
    if duplicates := [name for name in columns if columns.count(name) > 1]:
        return f"column '{duplicates[0]}' appears twice"
    return None


def _read_json(line: bytes) -> PunchMessage:
    try:
        return PunchMessage(line.decode().strip())
    except UnicodeDecodeError:
        raise InvalidLineError("line: not UTF-8") from None


def _csv_reader(columns: Sequence[str], separator: str) -> ReadLine:
    def read(line: bytes) -> PunchMessage:
        try:
            cells = next(csv.reader([line.decode().strip()], delimiter=separator, strict=True))
        except UnicodeDecodeError:
            raise InvalidLineError("line: not UTF-8") from None
        except csv.Error:
            raise InvalidLineError("line: not CSV") from None
        if len(cells) != len(columns):
            raise InvalidLineError(f"line: {len(cells)} cells, but the header has {len(columns)}")
        fields = {name: _parse_cell(name, cell) for name, cell in zip(columns, cells, strict=True) if cell}
        return PunchMessage(orjson.dumps(fields).decode())

    return read


def _parse_cell(column: str, cell: str) -> object:
    """Convert a cell to the type of its column; return text that cannot be converted, which the parser then refuses."""
    match _COLUMN_TYPES[column]:
        case "integer" if _is_integer(cell):
            return int(cell)
        case "number" if _is_number(cell):
            return float(cell)
        case "boolean" if cell in ("true", "false"):
            return cell == "true"
    return cell
