"""Tests of the rules for clients on invented logs, and of the faults that a seed decides."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slices.conformance import rules, stub_api
from slices.conformance.command import read_expected_punches
from slices.conformance.fault_script import (
    ACCEPTING,
    MAX_OUTAGE_ATTEMPTS,
    REFUSALS,
    SILENT,
    Effect,
    FaultScript,
    InjectedFault,
)
from slices.conformance.rules import Attempt, ExpectedPunches, RunLog
from tools import cli
from tools.kit import event
from tools.kit.errors import CommandError

EIGHT = datetime(2026, 10, 1, 8, tzinfo=UTC)
NINE = datetime(2026, 10, 1, 9, tzinfo=UTC)
MAX_WAIT_SECONDS = 900.0
LONG_AFTER = 10_000.0  # seconds

NOTHING_EXPECTED = ExpectedPunches()
FAILED = {"status": 503}
ACCEPTED = {"status": 202}


def attempt(started_at: float, punch: int = 0, lasts: float = 0.5, **more: Any) -> Attempt:
    """Create an attempt, without a response unless `more` has a status."""
    fields: dict[str, Any] = {
        "id": f"id-{punch}",
        "employee_and_instant": (100 + punch, EIGHT),
        "ended_at": started_at + lasts,
    }
    return Attempt(**{"punch": punch, "started_at": started_at, **fields, **more})


def broken_rules(
    attempts: Iterable[Attempt], expected: ExpectedPunches = NOTHING_EXPECTED, now: float = LONG_AFTER
) -> list[str]:
    """Return the names of the broken rules."""
    log = sorted(attempts, key=lambda each: each.started_at)
    last_progress_at = max((each.ended_at or 0 for each in log), default=0.0)
    verdicts = rules.judge(RunLog(log, expected, now, last_progress_at, MAX_WAIT_SECONDS))
    return [verdict.rule.name for verdict in verdicts if verdict.outcome == "broken"]


def failed_attempts(*waits: float, then: int = 202) -> list[Attempt]:
    """Create failed attempts of one punch, each followed by a wait (seconds), and a last attempt with status `then`."""
    log, now = [], 0.0
    for wait in waits:
        log.append(attempt(now, lasts=0, **FAILED))
        now += wait
    return [*log, attempt(now, status=then)]


OTHER_ID: dict[str, Any] = {"id": "other"}
CUT: dict[str, Any] = {"status": 202, "is_delivered": False}
INVALID: dict[str, Any] = {"id": "", "employee_and_instant": None, "status": 400}
RETRY_AFTER_20 = attempt(0, lasts=0, status=429, retry_after=20)
FOUR_AT_ONCE = [attempt(number / 10, number, lasts=5, **ACCEPTED) for number in range(4)]
FIFTH = attempt(1, 9, **ACCEPTED)
A_FAILURE = [attempt(0, 500, lasts=0.1, **FAILED), attempt(100, 500, **ACCEPTED)]
"""A failure before the other attempts of a case: only attempts after a failure are a stampede."""
SEQUENTIAL = [attempt(number / 100, number, lasts=0.01, **ACCEPTED) for number in range(200)]
SILENT_ATTEMPTS = [attempt(number / 10, number, lasts=30, is_silent=True) for number in range(9)]
RETRIES = [attempt(2 + number / 10, 9, lasts=30, **ACCEPTED) for number in range(9)]
ALTERNATING_FAILURES = [attempt(number, number % 2, lasts=0, **FAILED) for number in range(12)]

CASES: dict[str, tuple[list[Attempt], str]] = {
    "it backs off until it is accepted": (failed_attempts(1, 2, 4, 8, 16, 32, 64), ""),
    "a punch that failed once is never sent again": ([attempt(0)], "lost"),
    "a throttled punch is never sent again": ([attempt(0, status=429)], "lost"),
    "a punch that was stored, without a response to the client": ([attempt(0, is_stored=True)], "lost"),
    "a punch is sent twice, and then no more": ([attempt(0), attempt(1)], "gave up"),
    "a 200 comes from an intermediary and is no 202": ([attempt(0), attempt(1, status=200)], "gave up"),
    "an attempt is open": ([attempt(0), attempt(1, ended_at=None)], ""),
    "the key was refused, and the punch is kept": ([attempt(0), attempt(1, status=403)], ""),
    "the sign-in was refused, and the punch is kept": ([attempt(0, status=401)], ""),
    "a truncated answer, and no further attempt": ([attempt(0, **CUT)], ""),
    "a truncated answer, and the same id again": ([attempt(0, **CUT), attempt(2, **ACCEPTED)], ""),
    "a truncated answer, and another id": (
        [attempt(0, **CUT), attempt(3, **OTHER_ID, **ACCEPTED)],
        "changed its id",
    ),
    "the same id after a 202 is harmless": ([attempt(0, **ACCEPTED), attempt(3, **ACCEPTED)], ""),
    "another id after a 202 is a second row": (
        [attempt(0, **ACCEPTED), attempt(3, **OTHER_ID, **ACCEPTED)],
        "duplicated",
    ),
    "another id after no answer": ([attempt(0), attempt(3, **OTHER_ID, **ACCEPTED)], "changed its id"),
    "another id after a failure": ([attempt(0, **FAILED), attempt(3, **OTHER_ID, **ACCEPTED)], "changed its id"),
    "the same id with another instant": (
        [attempt(0), attempt(3, employee_and_instant=(100, NINE), **ACCEPTED)],
        "changed its id",
    ),
    "the same id with another employee": (
        [attempt(0), attempt(3, employee_and_instant=(7, EIGHT), **ACCEPTED)],
        "changed its id",
    ),
    "an invalid body is refused, and not sent again": ([attempt(0, **INVALID)], ""),
    "an invalid body is sent again": ([attempt(0, **INVALID), attempt(1, **INVALID)], "retried a refusal"),
    "an attempt started before the refusal": ([attempt(0, lasts=2, status=400), attempt(1, status=400)], ""),
    "failures of several punches are not added up": (
        [*ALTERNATING_FAILURES, attempt(20, 0, **ACCEPTED), attempt(21, 1, **ACCEPTED)],
        "",
    ),
    "it stops waiting for silent attempts": (
        [*(attempt(12.0 * number, lasts=30, is_silent=True) for number in range(9)), attempt(200, **ACCEPTED)],
        "",
    ),
    "four at once": ([*A_FAILURE, *FOUR_AT_ONCE], ""),
    "five at once, before anything failed": ([*FOUR_AT_ONCE, FIFTH], ""),
    "five at once": ([*A_FAILURE, *FOUR_AT_ONCE, FIFTH], "stampeded"),
    "many, one after the other": ([*A_FAILURE, *SEQUENTIAL], ""),
    "silent attempts do not count, and attempts of one punch count once": (
        [*SILENT_ATTEMPTS, *RETRIES, *(attempt(50 + number, number, **ACCEPTED) for number in range(9))],
        "",
    ),
    "long before Retry-After has passed": ([RETRY_AFTER_20, attempt(2, **ACCEPTED)], "ignored Retry-After"),
    "before nine tenths of Retry-After": ([RETRY_AFTER_20, attempt(17.9, **ACCEPTED)], "ignored Retry-After"),
    "after nine tenths of Retry-After": ([RETRY_AFTER_20, attempt(18.1, **ACCEPTED)], ""),
    "another punch before Retry-After has passed": (
        [RETRY_AFTER_20, attempt(2, 1, **ACCEPTED), attempt(30, **ACCEPTED)],
        "",
    ),
    "a Retry-After that did not arrive": ([RETRY_AFTER_20._replace(is_delivered=False), attempt(2, **ACCEPTED)], ""),
    **{f"refused by {status}": ([attempt(0, status=status)], "") for status in REFUSALS},
    **{f"refused by {status} at last": ([attempt(0), attempt(1, status=status)], "") for status in REFUSALS},
    **{
        f"refused by {status}, and sent again": (
            [attempt(0, status=status), attempt(1, **ACCEPTED)],
            "retried a refusal",
        )
        for status in (400, 413, 415)
    },
    **{
        f"it waits {waits}": (failed_attempts(*waits), "did not back off")
        for waits in ((0,) * 7, (1,) * 7, (0.5,) * 20, (1, 2, 4, 0, 0, 0, 0, 0, 0, 0))
    },
    **{
        f"it waits {waits}, sometimes a short time": (failed_attempts(*waits), "")
        for waits in ((0,) * 6, (1, 2, 3, 4, 5, 6, 7), (5,) * 7, (0.1, 1, 0.3, 2, 4, 0, 20), (0, 0, 0, 0, 0, 0, 8))
    },
}


@pytest.mark.parametrize(("attempts", "rule"), CASES.values(), ids=CASES.keys())
def test_a_log_breaks_exactly_the_expected_rule(attempts: list[Attempt], rule: str) -> None:
    assert broken_rules(attempts) == ([rule] if rule else [])


def test_giving_up_is_judged_only_after_the_longest_wait() -> None:
    assert broken_rules([attempt(0), attempt(1)], now=1.5 + MAX_WAIT_SECONDS - 1) == []
    assert broken_rules([attempt(0), attempt(1)], now=1.5 + MAX_WAIT_SECONDS) == ["gave up"]
    assert broken_rules([attempt(0, status=429, retry_after=3_600)], now=3_600) == []


def test_two_expected_punches_of_one_instant_are_no_duplicates() -> None:
    log = [attempt(0, **ACCEPTED), attempt(3, **OTHER_ID, **ACCEPTED)]
    assert broken_rules(log, ExpectedPunches(2, frozenset({"id-0", "other"}))) == []


@pytest.mark.parametrize(
    "expected",
    [
        ExpectedPunches(2),
        ExpectedPunches(2, frozenset({"id-0", "other"})),
        ExpectedPunches(2, frozenset({"id-0"}), {(101, EIGHT): 1}),
        ExpectedPunches(2, frozenset(), {(100, EIGHT): 2}),
    ],
)
def test_an_expected_punch_that_never_came_is_lost(expected: ExpectedPunches) -> None:
    log = [attempt(0, **ACCEPTED)]
    assert broken_rules(log, expected) == ["lost"]
    assert broken_rules(log, expected, now=MAX_WAIT_SECONDS - 1) == []
    assert broken_rules(log, ExpectedPunches(1, frozenset({"id-0"}))) == []
    assert broken_rules(log, ExpectedPunches(1, frozenset(), {(100, EIGHT): 1})) == []


def test_a_rule_without_an_occasion_was_not_tried() -> None:
    verdicts = rules.judge(RunLog([attempt(0, **ACCEPTED)], ExpectedPunches(), LONG_AFTER, 0, MAX_WAIT_SECONDS))
    outcomes = {verdict.rule.name: verdict.outcome for verdict in verdicts}
    assert outcomes == {rule.name: "not tried" for rule in rules.RULES} | {"duplicated": "kept"}


def test_evidence_is_limited_to_five_lines() -> None:
    [verdict, *_] = rules.judge(
        RunLog([attempt(0, n) for n in range(30)], ExpectedPunches(), LONG_AFTER, 0, MAX_WAIT_SECONDS)
    )
    assert len(verdict.finding.evidence) == 30
    assert verdict.lines()[0] == "punch 1 (id-0) failed once (without an answer) and was never sent again"
    assert verdict.lines()[-1] == "and 25 more"


def faults_of_sequential_client(seed: int, punches: int = 10) -> list[list[InjectedFault]]:
    """Return the faults of each punch for a client that sends each punch until it is accepted or refused."""
    script, now, faults_by_punch = FaultScript(seed), 0.0, []
    for punch in range(punches):
        faults: list[InjectedFault] = []
        while not faults or (
            faults[-1].effect not in {Effect.ACCEPT, Effect.DUPLICATE} and faults[-1].status not in REFUSALS
        ):
            faults.append(script.next_fault(punch, now))
            now += 2.0 ** len(faults)
        faults_by_punch.append(faults)
    return faults_by_punch


@pytest.mark.parametrize("seed", range(50))
def test_ten_punches_meet_every_type_of_fault(seed: int) -> None:
    faults_by_punch = faults_of_sequential_client(seed)
    flat = list(itertools.chain.from_iterable(faults_by_punch))
    effects = Counter(fault.effect for fault in flat)

    assert effects.keys() >= {Effect.ACCEPT, Effect.DUPLICATE, Effect.DROP, Effect.CUT, Effect.RESET, Effect.ANSWER}
    assert effects.keys() & SILENT
    statuses = Counter(fault.status for fault in flat)
    assert statuses[429] >= 2
    assert statuses[500] >= 1
    assert statuses[400] + statuses[413] == 1
    assert any(fault.retry_after for fault in flat)
    assert any(fault.status == 429 and fault.retry_after is None for fault in flat)
    assert any(fault.date_offset_seconds for fault in flat)
    assert any(len(faults) > MAX_OUTAGE_ATTEMPTS for faults in faults_by_punch)
    assert max(map(len, faults_by_punch)) <= MAX_OUTAGE_ATTEMPTS + 3  # more attempts would make the waits too long


def test_a_seed_gives_the_same_faults_again() -> None:
    assert faults_of_sequential_client(7, 30) == faults_of_sequential_client(7, 30)
    assert faults_of_sequential_client(7, 30) != faults_of_sequential_client(8, 30)


def test_a_refused_punch_is_refused_three_times_more_and_then_accepted() -> None:
    script = FaultScript(1)
    for punch in range(10):
        for _ in range(20):
            fault = script.next_fault(punch, 0)
            if fault.status in REFUSALS:
                assert [script.next_fault(punch, 0).status for _ in range(4)] == [*[fault.status] * 3, 0]
                return
    raise AssertionError("no punch was refused")


def test_an_outage_ends_for_a_client_that_gives_up() -> None:
    script = FaultScript(3)
    faults = [script.next_fault(punch, 0) for punch in range(200)]
    assert faults[-1].effect not in ACCEPTING
    assert any(script.next_fault(punch, 601).effect in ACCEPTING for punch in range(200, 220))


GOOD = event.body(1, "2026-10-01T08:00:00Z", id="0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e")
HEADERS = {"content-type": "application/json; charset=utf-8", "x-api-key": "k"}


def test_the_stub_api_has_no_other_paths() -> None:
    api = stub_api.StubApi()
    assert api.respond("GET", "/other", HEADERS, b"").status == 403
    for path in ("/ponto", f"/ponto/{GOOD['id']}"):
        assert api.respond("GET", path, HEADERS, b"").status == 403
    assert api.respond("OPTIONS", "/ponto", {}, b"").status == 204


def test_expected_punches_are_read_by_id_or_by_employee_and_instant(tmp_path: Path) -> None:
    file = tmp_path / "sent.ndjson"
    lines = [
        {"id": str(GOOD["id"]).upper()},
        GOOD,
        event.body(2, "2026-10-01T05:00:00-03:00", dispositivo="gate"),
        event.body(2, "2026-10-01T08:00:00Z"),
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    assert read_expected_punches(file, 1) == ExpectedPunches(3, frozenset({GOOD["id"]}), {(2, EIGHT): 2})
    assert read_expected_punches(file, 10).punch_count == 10


@pytest.mark.parametrize(
    "line", ["[]", "{}", "x", '{"usuarioId": 1}', '{"usuarioId": 0, "ponto": "2026-10-01T08:00Z"}']
)
def test_a_line_without_a_punch_is_an_error(tmp_path: Path, line: str) -> None:
    file = tmp_path / "sent.ndjson"
    file.write_text('{"id": "1"}\n' + line)
    with pytest.raises(CommandError, match=r"sent\.ndjson, line 2: "):
        read_expected_punches(file, 0)


@pytest.mark.parametrize(
    "words",
    [
        ["--listen", "8080"],
        ["--listen", "127.0.0.1:70000"],
        ["--listen", "127.0.0.1:0", "--target", "https://api.example.com/dev"],
        ["--listen", "127.0.0.1:0", "--target", "https://api.example.com/dev/ponto", "--stage", "local"],
        ["--listen", "127.0.0.1:0", "--time-scale", "0"],
        ["--listen", "127.0.0.1:0", "--time-scale", "2"],
        [],
    ],
)
def test_invalid_options_are_refused(words: list[str]) -> None:
    assert cli.main(["conformance", *words]) == 2
