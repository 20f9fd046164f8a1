"""The rules of the page's outbox, run by Node: what an answer means, when to try again, how a punch is written."""

import json
import re
import subprocess
import uuid
from typing import Any

import pytest

from ponto.fields import MAX_INTEGER
from slices.page.site import WEB
from tools.kit.project import ROOT

RULES, TEXTS = ((WEB / file).as_uri() for file in ("rules.js", "i18n.js"))


def evaluate(expression: str) -> Any:
    """Evaluate JavaScript that knows the rules and the texts."""
    imports = f'import * as rules from "{RULES}"; import {{ TEXTS }} from "{TEXTS}"'
    code = f"{imports}; console.log(JSON.stringify({expression}))"
    command = ["node", "--no-warnings", "--input-type=module", "--eval", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    found = evaluate(
        "[0, 1, 1790852400000, 281474976710655].flatMap(now => "
        "[0, 255].map(byte => rules.uuid7(now, new Uint8Array(16).fill(byte))))"
    )

    assert found == sorted(found)
    assert found[5].replace("-", "") == f"{1790852400000:012x}7fffbfffffffffffffff"
    for identifier in found:
        parsed = uuid.UUID(identifier)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, identifier)


def test_an_instant_is_local_time_with_its_offset() -> None:
    written = {
        -180: "2026-10-01T08:00:00.007-03:00",
        0: "2026-10-01T11:00:00.007+00:00",
        345: "2026-10-01T16:45:00.007+05:45",
        -210: "2026-10-01T07:30:00.007-03:30",
        840: "2026-10-02T01:00:00.007+14:00",
    }
    instant = 'new Date("2026-10-01T11:00:00.007Z")'

    found = evaluate(f"{json.dumps([*written])}.map(offset => rules.timestamp({instant}, offset))")

    assert found == [*written.values()]


def test_only_202_is_sent_and_only_the_bodys_own_faults_are_refusals() -> None:
    found = evaluate("Array.from({length: 600}, (_, status) => rules.meaning(status))")

    named = {
        meaning: [status for status, each in enumerate(found) if each == meaning]
        for meaning in ("sent", "refused", "stop")
    }
    assert named == {"sent": [202], "refused": [400, 413, 415], "stop": [401, 403]}
    assert set(found) == {*named, "again"}


def test_a_receipt_is_held_to_id_employee_and_instant() -> None:
    punch = {"id": "a", "usuarioId": 123, "ponto": "2026-10-01T08:00:00.007-03:00"}
    good = {"situacao": "gravada", "id": "a", "usuarioId": 123, "ponto": "2026-10-01T11:00:00.007000Z"}
    receipts: list[tuple[object, str | None]] = [
        (good, "recorded"),
        (good | {"ponto": "2026-10-01T05:00:00.007-06:00"}, "recorded"),
        (good | {"usuarioId": 124}, "conflict"),
        (good | {"ponto": "2026-10-01T11:00:00.008000Z"}, "conflict"),
        (good | {"ponto": "2026-10-01T11:00:00Z"}, "conflict"),
        (good | {"id": "b"}, None),
        (good | {"situacao": "na fila"}, None),
        (good | {"usuarioId": None}, None),
        (good | {"ponto": "11:00"}, None),
        (None, None),
        (7, None),
        ({}, None),
    ]

    found = evaluate(
        f"{json.dumps([each for each, _ in receipts])}.map(each => rules.outcome(each, {json.dumps(punch)}))"
    )

    assert found == [expected for _, expected in receipts]


def test_a_sent_punch_is_overdue_once_it_is_no_row_a_day_after_it_was_sent_whenever_it_was_made() -> None:
    punch: dict[str, object] = {"state": "sent", "body": {"ponto": "1970-01-01T00:00:00Z"}}
    day = 24 * 3_600_000
    asked: list[dict[str, object]] = [{}, {"missingAt": day - 1}, {"missingAt": day}]
    sent: list[dict[str, object]] = [{"sentAt": 0}, {"sentAt": 1}, {}, {"state": "recorded"}]
    punches = [[punch | changes | found for found in asked] for changes in sent]

    found = evaluate(f"{json.dumps(punches)}.map(some => some.map(each => rules.isOverdue(each)))")

    assert found == [[False, False, True], [False, False, False], [False, False, True], [False, False, False]]


@pytest.mark.parametrize(
    ("language", "shown", "meaning"),
    [("pt-BR", "recusada", "não é uma batida válida"), ("en", "refused", "not a valid punch")],
)
def test_a_refusal_says_what_it_means_in_the_persons_language(language: str, shown: str, meaning: str) -> None:
    """The page did not keep the status before."""
    known, other, unknown = evaluate(f"[400, 415, undefined].map(status => TEXTS['{language}'].refused(status, 'why'))")

    assert known == unknown.replace(shown, f"{shown} (400): {meaning}")
    assert other == unknown.replace(shown, f"{shown} (415)")
    assert re.fullmatch(rf"{shown}\. (Mostre|Show) .*: ", unknown)


def test_waits_double_up_to_five_minutes_with_as_much_again_at_random() -> None:
    assert evaluate("[1, 2, 3, 8, 9, 10, 5000].map(failed => rules.delay(failed, 0, () => 0))") == [
        1000, 2000, 4000, 128_000, 256_000, 300_000, 300_000,
    ]  # fmt: skip
    assert evaluate("[1, 3].map(failed => rules.delay(failed, 0, () => 0.5))") == [1500, 6000]
    assert evaluate("[1, 10].map(failed => rules.delay(failed, 60_000, () => 0.5))") == [60_500, 450_000]


def test_retry_after_is_seconds_or_a_date_by_the_servers_own_clock() -> None:
    asked = {
        None: 0,
        "": 0,
        "soon": 0,
        "-5": 0,
        " 7 ": 7000,
        "86400": 3_600_000,
        "Thu, 01 Oct 2026 11:00:30 GMT": 30_000,  # whatever this machine's clock says
        "Thu, 01 Oct 2026 10:00:00 GMT": 0,
    }
    date = '"Thu, 01 Oct 2026 11:00:00 GMT"'

    found = evaluate(f"{json.dumps([*asked])}.map(value => rules.retryAfter(value, {date}))")

    assert found == [*asked.values()]


def test_a_clock_that_was_set_makes_no_wait_longer() -> None:
    retry = "{at: 10_000, delay: 4000}"
    assert evaluate(f"[6000, 9000, 10_000, 5e9, 5000, -5e9].map(now => rules.left({retry}, now))") == [
        4000, 1000, 0, 0, 0, 0,
    ]  # fmt: skip
    assert evaluate("rules.left(null, 0)") == 0


def test_the_clocks_are_compared_in_the_middle_of_a_quick_answer() -> None:
    date = '"Thu, 01 Oct 2026 11:00:00 GMT"'
    began = f"Date.parse({date})"

    assert evaluate(f"rules.skewOf({date}, {began} + 40_000, 1000)") == 40_000
    assert evaluate(f"[rules.skewOf({date}, {began}, 20_000), rules.skewOf(null, 0, 1)]") == [None, None]
    assert evaluate("[30_000, -30_000, 30_001, -30_001, null].map(rules.isSkewed)") == [False, False, True, True, False]


def test_employees_are_whole_numbers_that_javascript_keeps_exactly() -> None:
    texts = ["1", " 0123 ", str(MAX_INTEGER), str(MAX_INTEGER + 1), "0", "", "1.5", "1e3", "-1", "१२", "9" * 17]
    assert evaluate(f"{json.dumps(texts)}.map(rules.employeeOf)") == [1, 123, MAX_INTEGER, *[None] * 8]


def test_the_employee_who_signed_in_is_written_in_the_token_as_the_function_writes_it() -> None:
    good = ['"41"', f'"{MAX_INTEGER}"']
    bad = ['"0x29"', '"4.1e1"', '"041"', '" 41"', '"41.0"', '"-41"', '"0"', '""', '"null"']
    bad += [f'"{MAX_INTEGER + 1}"', "undefined", "null", "[41]", "{}"]
    jwt = '"h." + btoa(JSON.stringify({ "custom:usuarioId": claim })) + ".s"'

    found = evaluate(f"[{', '.join(good + bad)}].map(claim => rules.employeeIn({jwt}))")

    assert found == [41, MAX_INTEGER, *[None] * len(bad)]


def test_what_is_no_token_names_nobody() -> None:
    tokens = ["", "garbage", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.W10.c", None, 41]

    assert evaluate(f"{json.dumps(tokens)}.map(rules.employeeIn)") == [None] * len(tokens)


def test_no_more_of_an_answer_is_read_than_ours_have() -> None:
    read = {
        '\'{"a": ["é"]}\'': {"a": ["é"]},
        "'no JSON'": None,
        "'\"' + 'x'.repeat(65_533) + '\"'": "x" * 65_533,
        "'\"' + 'x'.repeat(65_535) + '\"'": None,
        "null": None,
        "new ReadableStream({ pull: rest => rest.enqueue(new Uint8Array(9999).fill(32)) })": None,  # without end
    }

    found = evaluate(f"await Promise.all([{', '.join(read)}].map(body => rules.jsonOf(new Response(body))))")

    assert found == [*read.values()]


def test_a_name_and_its_suffix_are_a_device_that_the_api_takes() -> None:
    schema = json.loads((ROOT / "ponto" / "punch.schema.json").read_text())["properties"]["dispositivo"]
    names = evaluate('["", " Portão\\u202e 1\\n", "x".repeat(99), "😀".repeat(99)].map(rules.nameOf)')

    assert names == ["", "Portão 1", "x" * 40, "😀" * 40]
    for name in names:
        device = f"{name}-abcdefgh"
        assert len(device) <= schema["maxLength"]
        assert re.search(schema["pattern"], device)


def test_a_key_is_typed_or_pasted_with_its_link() -> None:
    keys = {
        "abcDEF123": "abcDEF123",
        "  abc\n": "abc",
        "https://ponto.example/#key=a%2Bb": "a+b",
        "": None,
        "two words": None,
        "chave-é": None,
        "https://ponto.example/#key=": None,
    }

    assert evaluate(f"{json.dumps([*keys])}.map(rules.keyOf)") == [*keys.values()]


def test_both_languages_have_the_same_texts() -> None:
    portuguese, english = evaluate("Object.values(TEXTS).map(Object.keys)")

    assert portuguese == english
    shown = re.findall(r'data-word="(\w+)"', (WEB / "index.html").read_text(encoding="utf-8"))
    assert set(shown) <= set(portuguese)
