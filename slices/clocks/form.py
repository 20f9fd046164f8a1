"""The files of hardware clocks (AFD), as a form of `slices.imports.forms`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from slices.clocks import afd, documents
from slices.imports.forms import BadLine, GetObject, Read, Record

WHOSE = "a hardware clock's"
KEY = "clock"

is_begun_by = afd.is_of_a_clock


def surveyed(first: bytes) -> afd.Survey:
    """Begin to survey a file.

    Raises:
        NotOfAClock: of `afd.header`.
    """
    return afd.Survey(afd.header(first))


def reader(first: bytes, get_object: GetObject) -> Read:
    """Give what reads the lines behind the first.

    Raises:
        NotOfAClock: of `afd.header`.
        NotPunches: of `documents.employees`.
    """
    header = afd.header(first)
    employees = documents.employees(get_object)

    def read(content: bytes) -> Record | None:
        record = afd.read(content, header.layout)
        if not isinstance(record, afd.Record) or record.kind != afd.PUNCH:
            return None
        if (employee := employees.get(record.document)) is None:
            raise BadLine(f"record 3: the document is not in {documents.KEY}")
        body = {"usuarioId": employee, "ponto": record.time, "dispositivo": header.clock}
        return Record(
            orjson.dumps(body).decode(),
            # The drain of 1.0.0-rc.1 knows the two parts only; a deploy replaces the functions one after the other.
            {"sourceKey": f"{header.clock}/{record.nsr}", "relogio": header.clock, "nsr": record.nsr},
            "record 3: no date and time of the years 1900 to 2999",  # all else is ours
        )

    return read


def described(summary: Mapping[str, Any]) -> Iterator[str]:
    """Say in lines for people what `afd.Survey.summary` has."""
    numbers = f"NSR {summary['firstNsr']} to {summary['lastNsr']}" if summary["lastNsr"] else "no record"
    yield f"clock {summary['number']}, layout of {summary['layout']}, {numbers}"
    unlisted = summary["unlisted"]
    gaps = [
        str(gap["first"]) if gap["first"] == gap["last"] else f"{gap['first']}-{gap['last']}" for gap in summary["gaps"]
    ]
    yield from _listed("missing NSR", gaps, unlisted["gaps"])
    yield from _listed("repeated NSR", [str(nsr) for nsr in summary["repeats"]], unlisted["repeats"])
    if summary["unplaced"]:
        yield f"{_counted(summary['unplaced'], 'record')} came again, or late into a gap that is not listed"
    for each in summary["settings"]:
        yield f"clock set, NSR {each['nsr']}: {each['before']} to {each['after']}"
    if unlisted["settings"]:
        yield f"and set {_counted(unlisted['settings'], 'time')} more"
    if summary["trailer"] is None:
        yield "no trailer: the file may be incomplete"
        return
    for kind, counts in summary["trailer"].items():
        if counts != summary["found"][kind]:
            yield f"records of kind {kind}: {summary['found'][kind]} found, the trailer counts {counts}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _listed(what: str, texts: Sequence[str], unlisted: int) -> Iterator[str]:
    if listed := ", ".join(texts):
        yield f"{what}: {listed}" + (f" and {unlisted} more" if unlisted else "")
