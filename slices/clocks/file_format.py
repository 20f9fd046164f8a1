"""The files of hardware clocks (AFD), as a form of `slices.imports.file_formats`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from slices.clocks import afd, document_table
from slices.imports.file_formats import GetObject, InvalidLineError, PunchMessage, ReadLine

DESCRIPTION = "a hardware clock's file"
SUMMARY_KEY = "clock"

matches_first_line = afd.is_clock_file


def create_inspector(first: bytes) -> afd.ClockFileInspector:
    """Begin to survey a file.

    Raises:
        InvalidClockFileError: of `afd.parse_header`.
    """
    return afd.ClockFileInspector(afd.parse_header(first))


def create_reader(first: bytes, get_object: GetObject) -> ReadLine:
    """Give what reads the lines behind the first.

    Raises:
        InvalidClockFileError: of `afd.parse_header`.
        InvalidFileError: of `document_table.load_employee_ids`.
    """
    header = afd.parse_header(first)
    employees = document_table.load_employee_ids(get_object)

    def read(content: bytes) -> PunchMessage | None:
        record = afd.parse_line(content, header.layout)
        if not isinstance(record, afd.ClockRecord) or record.kind != afd.PUNCH:
            return None
        if (employee := employees.get(record.document)) is None:
            raise InvalidLineError(f"record 3: the document is not in {document_table.TABLE_KEY}")
        body = {"usuarioId": employee, "ponto": record.time, "dispositivo": header.clock}
        return PunchMessage(
            orjson.dumps(body).decode(),
            # The drain of 1.0.0-rc.1 knows the two parts only; a deploy replaces the functions one after the other.
            {"sourceKey": f"{header.clock}/{record.nsr}", "relogio": header.clock, "nsr": record.nsr},
            "record 3: no date and time of the years 1900 to 2999",  # all else is ours
        )

    return read


def describe(summary: Mapping[str, Any]) -> Iterator[str]:
    """Say in lines for people what `afd.ClockFileInspector.summary` has."""
    numbers = f"NSR {summary['firstNsr']} to {summary['lastNsr']}" if summary["lastNsr"] else "no record"
    yield f"clock {summary['number']}, layout of {summary['layout']}, {numbers}"
    unlisted = summary["unlisted"]
    gaps = [
        str(gap["first"]) if gap["first"] == gap["last"] else f"{gap['first']}-{gap['last']}" for gap in summary["gaps"]
    ]
    yield from _describe_list("missing NSR", gaps, unlisted["gaps"])
    yield from _describe_list("repeated NSR", [str(nsr) for nsr in summary["repeats"]], unlisted["repeats"])
    if summary["unplaced"]:
        yield f"{_format_count(summary['unplaced'], 'record')} came again, or late into a gap that is not listed"
    for each in summary["settings"]:
        yield f"clock set, NSR {each['nsr']}: {each['before']} to {each['after']}"
    if unlisted["settings"]:
        yield f"and set {_format_count(unlisted['settings'], 'time')} more"
    if summary["trailer"] is None:
        yield "no trailer: the file may be incomplete"
        return
    for kind, counts in summary["trailer"].items():
        if counts != summary["found"][kind]:
            yield f"records of kind {kind}: {summary['found'][kind]} found, the trailer counts {counts}"


def _format_count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _describe_list(what: str, texts: Sequence[str], unlisted: int) -> Iterator[str]:
    if listed := ", ".join(texts):
        yield f"{what}: {listed}" + (f" and {unlisted} more" if unlisted else "")
