"""`ponto trace` with the employee's time zone and working day."""

import json

from tests.database import execute
from tests.events import punch
from tools.tests.postgres.test_trace import Stage
from tools.tests.postgres.test_trace import dev as dev

LATE = "0190163d-8694-739b-aea5-966c26f8ad94"
EARLY = "0190163d-8694-739b-aea5-966c26f8ad95"
ROWS = """
insert into funcionario (usuario_id, nome, fuso, corte) values (9, 'Ana', 'America/Noronha', '06:00');
insert into batida (id, usuario_id, ponto) values
    (%s, 9, '2026-11-25T07:59Z'),
    (%s, 9, '2026-11-24T08:00Z'),
    (gen_random_uuid(), 9, '2026-11-24T07:59Z'),
    (gen_random_uuid(), 9, '2026-11-25T08:00Z')
"""
DAY = ("--employee", 9, "--day", "2026-11-24")


def test_row_has_the_employees_zone_and_local_time(dev: Stage, migrated_url: str) -> None:
    execute(migrated_url, ROWS, LATE, EARLY)

    assert [row["zone"] for row in dev.run(LATE, "--json").json["rows"]] == ["America/Noronha"]
    assert dev.run(LATE).out.endswith("  local     2026-11-25 05:59:00, America/Noronha\n")


def test_rows_of_a_day_are_of_the_employees_working_day(dev: Stage, migrated_url: str) -> None:
    execute(migrated_url, ROWS, LATE, EARLY)

    assert [row["id"] for row in dev.run(*DAY, "--json").json["rows"]] == [EARLY, LATE]
    assert dev.run(*DAY).out.count("  local     2026-11-2") == 2


def test_dead_letters_of_a_day_are_of_the_employees_working_day(dev: Stage, migrated_url: str) -> None:
    execute(migrated_url, ROWS, LATE, EARLY)
    expected_ids = {
        dev.reject(punch(9, "2026-11-24T08:00:00Z")),  # 06:00, the cut-off
        dev.reject(punch(9, "2026-11-25T07:59:00Z")),
        dev.reject(json.dumps({"usuarioId": 9, "ponto": "today"})),
    }
    dev.reject(punch(9, "2026-11-24T07:59:00Z"))
    dev.reject(punch(9, "2026-11-25T08:00:00Z"))

    result = dev.run(*DAY, "--json")

    assert {letter["id"] for letter in result.json["deadLetters"]} == expected_ids
    assert (result.status, len(result.json["rows"])) == (1, 2)


def test_day_of_an_unloaded_employee_begins_at_the_default_cut_off(dev: Stage) -> None:
    expected_ids = {dev.reject(punch(8, at)) for at in ("2026-11-24T07:00:00Z", "2026-11-25T06:59:00Z")}
    for at in ("2026-11-24T06:59:00Z", "2026-11-25T07:00:00Z"):
        dev.reject(punch(8, at))

    result = dev.run("--employee", 8, "--day", "2026-11-24", "--json").json

    assert {letter["id"] for letter in result["deadLetters"]} == expected_ids
    assert len(result["rows"]) == 1
