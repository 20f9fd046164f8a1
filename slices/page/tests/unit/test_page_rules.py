"""Tests of the page's rules, which Node runs: the meaning of responses, waits, and the formats of punches and keys."""

import json
import subprocess
import uuid
from datetime import UTC
from typing import Any

from ponto.drain.parser import parse
from ponto.shared.fields import MAX_SAFE_INTEGER
from slices.page.site import WEB

RULES = (WEB / "rules.js").as_uri()


def evaluate(expression: str) -> Any:
    """Evaluate a JavaScript expression that may use `rules`."""
    code = f"import * as rules from '{RULES}'; console.log(JSON.stringify({expression}))"
    command = ["node", "--no-warnings", "--input-type=module", "--eval", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    ids = evaluate(
        "[0, 1, 1790852400000, 281474976710655].flatMap(now => "
        "[0, 255].map(byte => rules.uuid7(now, new Uint8Array(16).fill(byte))))"
    )

    assert ids == sorted(ids)
    assert ids[5].replace("-", "") == f"{1790852400000:012x}7fffbfffffffffffffff"
    for identifier in ids:
        parsed = uuid.UUID(identifier)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, identifier)


def test_a_timestamp_is_local_time_with_its_offset() -> None:
    timestamps = {
        0: "2026-10-01T11:00:00.007+00:00",
        -210: "2026-10-01T07:30:00.007-03:30",
        840: "2026-10-02T01:00:00.007+14:00",
    }
    instant = 'new Date("2026-10-01T11:00:00.007Z")'

    result = evaluate(f"{json.dumps([*timestamps])}.map(offset => rules.timestamp({instant}, offset))")

    assert result == [*timestamps.values()]


def test_only_202_is_an_acceptance_and_only_400_413_and_415_are_refusals() -> None:
    meanings = evaluate("Array.from({length: 600}, (_, status) => rules.statusMeaning(status))")

    statuses = {
        name: [status for status, meaning in enumerate(meanings) if meaning == name]
        for name in ("sent", "refused", "stop")
    }
    assert statuses == {"sent": [202], "refused": [400, 413, 415], "stop": [401, 403]}
    assert set(meanings) == {*statuses, "again"}


def test_a_receipt_is_compared_by_id_employee_and_instant() -> None:
    punch = {"id": "a", "usuarioId": 123, "ponto": "2026-10-01T08:00:00.007-03:00"}
    receipt = {"situacao": "gravada", "id": "a", "usuarioId": 123, "ponto": "2026-10-01T11:00:00.007000Z"}
    receipts: list[tuple[object, str | None]] = [
        (receipt, "recorded"),
        (receipt | {"ponto": "2026-10-01T05:00:00.007-06:00"}, "recorded"),
        (receipt | {"usuarioId": 124}, "conflict"),
        (receipt | {"ponto": "2026-10-01T11:00:00.008000Z"}, "conflict"),
        (receipt | {"id": "b"}, None),
        (receipt | {"situacao": "na fila"}, None),
        (receipt | {"usuarioId": None}, None),
        (receipt | {"ponto": "11:00"}, None),
        (None, None),
    ]

    outcomes = evaluate(
        f"{json.dumps([body for body, _ in receipts])}.map(body => rules.receiptOutcome(body, {json.dumps(punch)}))"
    )

    assert outcomes == [expected for _, expected in receipts]


def test_a_punch_is_overdue_a_day_after_it_was_sent_whatever_its_instant() -> None:
    punch: dict[str, object] = {"state": "sent", "body": {"ponto": "1970-01-01T00:00:00Z"}}
    day = 24 * 3_600_000
    missing: list[dict[str, object]] = [{}, {"missingAt": day - 1}, {"missingAt": day}]
    sent: list[dict[str, object]] = [{"sentAt": 0}, {"sentAt": 1}, {}, {"state": "recorded"}]
    punches = [[punch | sent_fields | missing_fields for missing_fields in missing] for sent_fields in sent]

    overdue = evaluate(f"{json.dumps(punches)}.map(row => row.map(punch => rules.isOverdue(punch)))")

    assert overdue == [[False, False, True], [False, False, False], [False, False, True], [False, False, False]]


def test_waits_double_up_to_five_minutes_plus_a_random_part_of_the_same_length() -> None:
    assert evaluate("[1, 2, 3, 8, 9, 10, 5000].map(failed => rules.retryDelay(failed, 0, () => 0))") == [
        1000, 2000, 4000, 128_000, 256_000, 300_000, 300_000,
    ]  # fmt: skip
    assert evaluate("[1, 3].map(failed => rules.retryDelay(failed, 0, () => 0.5))") == [1500, 6000]
    assert evaluate("[1, 10].map(failed => rules.retryDelay(failed, 60_000, () => 0.5))") == [60_500, 450_000]


def test_retry_after_is_seconds_or_a_date_by_the_servers_clock() -> None:
    waits = {
        None: 0,
        "": 0,
        "soon": 0,
        "-5": 0,
        " 7 ": 7000,
        "86400": 3_600_000,
        "Thu, 01 Oct 2026 11:00:30 GMT": 30_000,  # relative to the response's Date
        "Thu, 01 Oct 2026 10:00:00 GMT": 0,
    }
    date = '"Thu, 01 Oct 2026 11:00:00 GMT"'

    result = evaluate(f"{json.dumps([*waits])}.map(value => rules.parseRetryAfter(value, {date}))")

    assert result == [*waits.values()]


def test_setting_the_clock_makes_no_wait_longer() -> None:
    retry = "{at: 10_000, delay: 4000}"
    assert evaluate(f"[6000, 9000, 10_000, 5e9, 5000, -5e9].map(now => rules.remainingWait({retry}, now))") == [
        4000, 1000, 0, 0, 0, 0,
    ]  # fmt: skip


def test_the_clocks_are_compared_at_the_middle_of_a_quick_request() -> None:
    date = '"Thu, 01 Oct 2026 11:00:00 GMT"'
    requested_at = f"Date.parse({date})"

    assert evaluate(f"rules.clockSkew({date}, {requested_at} + 40_000, 1000)") == 40_000
    assert evaluate(f"[rules.clockSkew({date}, {requested_at}, 20_000), rules.clockSkew(null, 0, 1)]") == [None, None]
    assert evaluate("[30_000, -30_000, 30_001, -30_001, null].map(rules.isSkewed)") == [False, False, True, True, False]


def test_employee_numbers_are_integers_that_javascript_represents_exactly() -> None:
    valid = ["1", " 0123 ", str(MAX_SAFE_INTEGER)]
    invalid = [str(MAX_SAFE_INTEGER + 1), "0", "", "1.5", "1e3", "-1", "१२", "9" * 17]
    employees = evaluate(f"{json.dumps(valid + invalid)}.map(rules.parseEmployee)")
    assert employees == [1, 123, MAX_SAFE_INTEGER, *[None] * len(invalid)]


def test_the_tokens_employee_must_have_the_functions_format() -> None:
    valid = ['"41"', f'"{MAX_SAFE_INTEGER}"']
    invalid = ['"0x29"', '"041"', '" 41"', '"41.0"', '"0"', f'"{MAX_SAFE_INTEGER + 1}"', "undefined", "null", "[41]"]
    jwt = '"h." + btoa(JSON.stringify({ "custom:usuarioId": claim })) + ".s"'
    tokens = ["", "garbage", "a.b.c", "a.bnVsbA.c", None, 41]

    employees = evaluate(f"[{', '.join(valid + invalid)}].map(claim => rules.tokenEmployee({jwt}))")

    assert employees == [41, MAX_SAFE_INTEGER, *[None] * len(invalid)]
    assert evaluate(f"{json.dumps(tokens)}.map(rules.tokenEmployee)") == [None] * len(tokens)


def test_a_key_is_entered_alone_or_in_a_link() -> None:
    keys = {
        "abcDEF123": "abcDEF123",
        "  abc\n": "abc",
        "https://ponto.example/#key=a%2Bb": "a+b",
        "": None,
        "two words": None,
        "chave-é": None,
        "https://ponto.example/#key=": None,
    }

    assert evaluate(f"{json.dumps([*keys])}.map(rules.parseKey)") == [*keys.values()]


def test_a_device_name_with_its_suffix_is_accepted_by_the_api() -> None:
    names = evaluate('[" Portão\\u202e 1\\n", "😀".repeat(99)].map(rules.cleanDeviceName)')

    assert names == ["Portão 1", "😀" * 40]
    parse(json.dumps({"usuarioId": 1, "ponto": "2026-10-01T08:00Z", "dispositivo": f"{names[1]}-abcdefgh"}), UTC)
