"""`ponto keys rows` with a real database and a fake API Gateway."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ponto.punch import EVENT
from tests.aws import Calls
from tests.commands import CommandResult, Run, runner, write_stack_with_database
from tests.postgres.storing import TEXTS, add_punch, fill_texts
from tools.kit import local_stack

KEYS = {  # in API Gateway; gate-1 was revoked and created again
    "k1": "batida-ponto-local/gate-1",
    "k2": "batida-ponto-local/gate-1",
    "k3": "batida-ponto-local/gate-10",
    "k4": "batida-ponto-prod/gate-1",
}
ROWS = (  # employee id, time of receipt, key id
    (7, "2026-10-01T08:00:01.234Z", "k1"),
    (8, "2026-10-02T08:00:01Z", "k2"),
    (8, "2026-10-03T08:00:01Z", "k2"),
    (9, "2026-10-02T08:00:01Z", "k3"),
    (9, "2026-10-03T08:00:01Z", "gone"),
    (9, "2026-10-04T08:00:01Z", None),
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    def keys(_: Any, parameters: Any) -> Any:
        assert not parameters["includeValues"]
        prefix = parameters["nameQuery"]  # AWS matches prefixes
        return {"items": [{"id": key, "name": name} for key, name in KEYS.items() if name.startswith(prefix)]}

    calls = Calls(monkeypatch)
    calls.stubs["GetApiKeys"] = keys
    return calls


@pytest.fixture
def run(
    migrated_url: str, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    del calls
    for number, (employee_id, received, key) in enumerate(ROWS, 1):
        columns = fill_texts("gate") | {
            "id": f"{9 - number:08}-0000-4000-8000-{number:012}"
        }  # rows received later have lower ids
        add_punch(
            migrated_url, employee_id, datetime.fromisoformat(received), recebida_em=received, chave=key, **columns
        )
    monkeypatch.setattr(local_stack, "STATE", write_stack_with_database(tmp_path, migrated_url))
    return runner(capsys, "keys", "rows")


def numbers(result: CommandResult) -> list[int]:
    return [int(row["id"][-1]) for row in result.json["rows"]]


def test_rows_of_a_name_are_those_of_all_keys_with_this_name(run: Run) -> None:
    result = run("gate-1", "--json")

    assert result.status == 0
    assert result.json["keys"] == ["k1", "k2"]
    assert numbers(result) == [1, 2, 3]
    device = {"device": "gate"} if EVENT.device in TEXTS else {}
    assert result.json["rows"][0].items() >= {"employee": 7, "key": "k1", **device}.items()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--from", "2026-10-02T08:00:01Z"], [2, 3]),
        (["--to", "2026-10-02T08:00:01Z"], [1]),
        (["--from", "2026-10-01T08:00:01.234Z", "--to", "2026-10-03"], [1, 2]),
        (["--from", "2027-01-01"], []),
    ],
    ids=str,
)
def test_rows_are_filtered_by_time_of_receipt(run: Run, words: list[str], expected: list[int]) -> None:
    assert numbers(run("gate-1", "--json", *words)) == expected


def test_rows_of_a_deleted_key_are_found_by_its_id(run: Run) -> None:
    result = run("gone")

    assert result.status == 0
    assert "-8000-000000000005" in result.out
    assert result.out.endswith("1 row of 1 employee sent with gone\n")


def test_unknown_key_name_is_reported(run: Run) -> None:
    result = run("gate-7")

    assert (result.status, result.out) == (1, "")
    assert "has no key gate-7" in result.err
