"""Tests of `ponto import` with files of clocks, and of `ponto load documents`, with a fake bucket."""

from pathlib import Path
from typing import Any

from slices.clocks.afd import ClockFileInspector, parse_header
from slices.clocks.tests.clock_files import EIGHT, HardwareClock, contains_personal_data, cpf
from slices.clocks.tests.unit.test_clock_files import EMPLOYEE_FIELDS, TABLE
from slices.imports.tests.unit.test_import_command import Stage
from slices.imports.tests.unit.test_import_command import run as run
from slices.imports.tests.unit.test_import_command import stage as stage
from tests.commands import Run


def write_file(folder: Path, content: bytes) -> Path:
    file = folder / "clock.txt"
    file.write_bytes(content)
    return file


def summarize(content: bytes, **counts: int) -> dict[str, Any]:
    first, *others = content.splitlines()
    inspector = ClockFileInspector(parse_header(first))
    for line in others:
        inspector.add(line)
    return {"accepted": 10, "refused": 0, "clock": inspector.summary()} | counts


def test_gaps_repeats_and_wrong_counts_are_printed(stage: Stage, run: Run, tmp_path: Path) -> None:
    clock = HardwareClock()
    records = [clock.punch(nsr, EMPLOYEE_FIELDS[0]) for nsr in (1, 2, 2, 5, 9, 9, 10)] + [
        clock.setting(12, EIGHT, EIGHT)
    ] * 600
    content = (
        clock.file(*records, clock.punch(11, EMPLOYEE_FIELDS[0])[:-1], trailer=False)
        + clock.trailer(records[1:]).encode()
    )
    stage.results = {"summary.json": summarize(content, accepted=7, refused=1), "refused.ndjson": {"line": 610}}
    file = write_file(tmp_path, content)

    done = run("import", file)

    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[2:4] == [
        "clock 00004000070000123, layout of 2021, NSR 1 to 12",
        "missing NSR: 3-4, 6-8, 11",
    ]
    assert lines[4].startswith("repeated NSR: 2, 9, 12, 12,")
    assert lines[4].endswith(" and 101 more")
    assert lines[5] == "clock set, NSR 12: 2026-10-01T08:00:00-0300 to 2026-10-01T08:00:00-0300"
    assert lines[-2:] == ["clock set 100 more times", "records of type 3: 7 found, the trailer counts 6"]


# ponto load documents


def test_table_is_stored_in_the_bucket(stage: Stage, run: Run, tmp_path: Path) -> None:
    file = write_file(tmp_path, f"{TABLE}{cpf(21)};11\n".encode())
    done = run("load", "documents", file)
    assert (done.status, done.out) == (
        0,
        "7 documents of 6 employees stored as s3://batida-ponto-local-uploads/documents/documents.csv\n",
    )
    assert stage.stored == {"documents/documents.csv": file.read_bytes()}
    assert run("load", "documents", file, "--json").json == {"documents": 7, "employees": 6}


def test_table_with_faults_is_not_stored_and_no_document_is_printed(stage: Stage, run: Run, tmp_path: Path) -> None:
    file = write_file(tmp_path, f"{TABLE}{cpf(11)};99\n{cpf(17)[:-1]}x;17\n".encode())
    done = run("load", "documents", file)
    assert (done.status, done.out) == (2, "")
    assert "line 8, documento: is already on line 2\n" in done.err
    assert "line 9, documento: is not 11 digits" in done.err
    assert not contains_personal_data(done.err, [*EMPLOYEE_FIELDS, cpf(17)[:-1]])
    assert len(run("load", "documents", file, "--json").json["faults"]) == 2
    assert stage.stored == {}
