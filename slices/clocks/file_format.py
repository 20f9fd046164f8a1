"""File format of hardware clocks (AFD)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from slices.clocks import afd, document_table
from slices.imports.file_formats import FileFormat, GetObject, InvalidLineError, PunchMessage, ReadLine


def create_inspector(first_line: bytes) -> afd.ClockFileInspector:
    """Create the inspector of a file.

    Raises:
        InvalidClockFileError: the header is invalid.
    """
    return afd.ClockFileInspector(afd.parse_header(first_line))


def create_reader(first_line: bytes, get_object: GetObject) -> ReadLine:
    """Create the function that parses the lines after the header.

    Raises:
        InvalidClockFileError: the header is invalid.
        InvalidFileError: there is no table of documents, or it has faults.
    """
    header = afd.parse_header(first_line)
    employee_ids = document_table.load_employee_ids(get_object)

    def read(content: bytes) -> PunchMessage | None:
        record = afd.parse_line(content, header.layout)
        if not isinstance(record, afd.ClockRecord) or record.record_type != afd.PUNCH:
            return None
        if (employee_id := employee_ids.get(record.document)) is None:
            raise InvalidLineError(f"record of type 3: its CPF or PIS is not in {document_table.TABLE_KEY}")
        body = {"usuarioId": employee_id, "ponto": record.time, "dispositivo": header.clock}
        return PunchMessage(
            orjson.dumps(body).decode(),
            {"sourceKey": f"{header.clock}/{record.nsr}"},
            "record of type 3: no valid date and time from 1900 to 2999",  # the only field that can be invalid
        )

    return read


def describe(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines that describe the result of `afd.ClockFileInspector.summary` to a person."""
    numbers = f"NSR {summary['firstNsr']} to {summary['lastNsr']}" if summary["lastNsr"] else "no records"
    yield f"clock {summary['number']}, layout of {summary['layout']}, {numbers}"
    unlisted = summary["unlisted"]
    gaps = [
        str(gap["first"]) if gap["first"] == gap["last"] else f"{gap['first']}-{gap['last']}" for gap in summary["gaps"]
    ]
    yield from _describe_list("missing NSR", gaps, unlisted["gaps"])
    yield from _describe_list("repeated NSR", [str(nsr) for nsr in summary["repeats"]], unlisted["repeats"])
    for setting in summary["settings"]:
        yield f"clock set, NSR {setting['nsr']}: {setting['before']} to {setting['after']}"
    if count := unlisted["settings"]:
        yield f"clock set {count} more time{'' if count == 1 else 's'}"
    if summary["trailer"] is None:
        yield "no trailer: the file may be incomplete"
        return
    for record_type, counts in summary["trailer"].items():
        if counts != summary["found"][record_type]:
            yield f"records of type {record_type}: {summary['found'][record_type]} found, the trailer counts {counts}"


def _describe_list(title: str, items: Sequence[str], unlisted: int) -> Iterator[str]:
    if listed := ", ".join(items):
        yield f"{title}: {listed}" + (f" and {unlisted} more" if unlisted else "")


FORMAT = FileFormat("clock", afd.is_clock_file, create_inspector, create_reader, describe)
