"""Import of files of hardware clocks through the deployed bucket, and a redrive of their punches."""

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from ponto.shared.derived_id import derive_source_id
from slices.clocks.tests.clock_files import CLOCK, EIGHT, HardwareClock, cpf, month_records
from slices.imports.tests.e2e.test_uploads import Bucket
from slices.imports.tests.e2e.test_uploads import bucket as bucket
from tests.commands import CommandResult, run_process
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.waiting import wait_for


@pytest.fixture
def employee_ids() -> list[int]:
    """Return five employees without punches."""
    return [next(EMPLOYEES) for _ in range(5)]


def load_documents(employee_ids: list[int], deployed: Deployed, folder: Path) -> list[str]:
    """Load a table of some employees' CPFs; return the fields in which a clock writes them."""
    file = folder / "documents.csv"
    file.write_text("documento;usuarioId\n" + "".join(f"{cpf(number)};{number}\n" for number in employee_ids))
    done = run_process("load", "documents", file, "--state", deployed.state)
    assert (done.status, done.err) == (0, "")
    return [f"0{cpf(number)}" for number in employee_ids]


@pytest.mark.usefixtures("bucket")
def test_clock_file_is_stored_once_and_a_longer_one_adds_its_new_punches(
    client: Client, deployed: Deployed, employee_ids: list[int], tmp_path: Path
) -> None:
    first_field, second_field, *_ = employee_fields = load_documents(employee_ids, deployed, tmp_path)
    clock = HardwareClock(2021)
    october = month_records(clock, employee_fields)
    october += [
        clock.punch(len(october) + offset, first_field) for offset in (1, 2)
    ]  # in the same minute as the first punch
    new_nsr = len(october) + 1
    november = [
        *october,
        clock.punch(new_nsr, second_field, EIGHT.replace(month=11)),
        clock.punch(new_nsr + 1, f"0{cpf(999)}"),
    ]
    file = tmp_path / "clock.txt"

    def import_records(records: list[str], status: int = 0) -> set[str]:
        file.write_bytes(clock.file(*records))
        done = run_process("import", file, "--state", deployed.state, "--json")
        assert done.status == status, done.err
        assert (done.json["clock"]["lastNsr"], done.json["clock"]["gaps"]) == (len(records), [])
        assert done.json["refusedLines"] == (f"{file}.refused.ndjson" if status else None)
        client.wait_until_drained()
        return {row.punch.id for row in client.rows(*employee_ids)}

    first = import_records(october)
    punch_numbers = [nsr for nsr, line in enumerate(october, 1) if line[9] == "3"]
    assert first == {derive_source_id(f"{CLOCK}/{nsr}") for nsr in punch_numbers}
    assert len(client.rows(employee_ids[0])) == 4
    assert import_records(october) == first
    assert import_records(november, status=1) == first | {derive_source_id(f"{CLOCK}/{new_nsr}")}
    assert client.depth(client.address.dlq_url) == 0
    rows = client.query(
        "select distinct dispositivo, sequencia from ponto.batida where usuario_id = any(%s)", employee_ids
    )
    assert rows == [(CLOCK, None)]


def test_two_punches_of_a_minute_stay_two_after_a_redrive(
    client: Client,
    deployed: Deployed,
    bucket: Bucket,
    employee_ids: list[int],
    tmp_path: Path,
    dlq: Callable[..., CommandResult],
) -> None:
    (field,) = load_documents(employee_ids[:1], deployed, tmp_path)
    clock = HardwareClock(2009)  # local times
    with client.refuse_punches(employee_ids[0]):
        folder = bucket.upload(clock.file(clock.punch(7, field), clock.punch(8, field)))
        assert bucket.wait_for(folder)["accepted"] == 2
        wait_for(lambda: client.depth(client.address.dlq_url) == 2, "the dead letters")

    assert dlq("redrive", "--reason", "refused").out.startswith("2 redriven, 0 failed\n")

    client.wait_until_drained()
    rows = client.rows(employee_ids[0])
    assert {row.punch.id for row in rows} == {derive_source_id(f"{CLOCK}/{nsr}") for nsr in (7, 8)}
    assert {row.punch.instant for row in rows} == {EIGHT.replace(hour=11, tzinfo=UTC)}
