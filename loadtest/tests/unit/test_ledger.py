"""The ledger of the load test, which must detect lost and duplicate punches."""

from datetime import UTC, datetime, timedelta

import pytest

from loadtest.ledger import DeadLetteredMessage, Ledger, PunchKey, SentMessage, StoredPunch, build_ledger

EIGHT = datetime(2026, 10, 1, 8, tzinfo=UTC)
A, B = PunchKey("a", 1, EIGHT), PunchKey("b", 2, EIGHT)
OTHER = PunchKey("a", 3, EIGHT)  # has A's id


def test_each_outcome_is_counted() -> None:
    accepted = {
        "first": SentMessage(A, "A"),
        "again": SentMessage(A, "A"),
        "other": SentMessage(OTHER, "OTHER"),
        "poison": SentMessage(None, "?"),
    }

    ledger = build_ledger(
        accepted,
        [StoredPunch(A, "first")],
        [
            DeadLetteredMessage("other", "conflict", "OTHER"),
            DeadLetteredMessage("poison", "malformed", "?"),
            DeadLetteredMessage("poison", "malformed", "?"),
        ],
    )

    assert ledger.is_clean
    assert ledger == Ledger(1, 1, {"conflict": 1, "malformed": 1}, [], [], [])


def test_message_with_neither_row_nor_dead_letter_is_lost() -> None:
    ledger = build_ledger({"1": SentMessage(A, "A"), "2": SentMessage(None, "?")}, [StoredPunch(B, "3")], [])

    assert ledger.lost == ["1", "2"]
    assert not ledger.is_complete
    assert not ledger.is_clean


@pytest.mark.parametrize("row", [A._replace(instant=EIGHT + timedelta(microseconds=1)), A._replace(employee_id=9)])
def test_row_with_other_content_is_a_loss(row: PunchKey) -> None:
    assert build_ledger({"1": SentMessage(A, "A")}, [StoredPunch(row, "1")], []).lost == ["1"]


@pytest.mark.parametrize(
    ("twin", "named"),
    [
        (StoredPunch(A._replace(id="c"), "2"), "employee 1 at 2026-10-01 08:00:00+00:00"),
        (StoredPunch(PunchKey("c", 4, EIGHT), "1"), "1"),
    ],
    ids=["same punch under another id", "same message"],
)
def test_second_row_is_detected(twin: StoredPunch, named: str) -> None:
    ledger = build_ledger({"1": SentMessage(A, "A")}, [StoredPunch(A, "1"), twin], [])

    assert ledger.stored_twice == [named]
    assert not ledger.is_complete


@pytest.mark.parametrize(
    ("dead_letter", "rows"),
    [
        (DeadLetteredMessage("1", "exhausted", "A"), []),
        (DeadLetteredMessage("1", "conflict", "A"), []),
        (DeadLetteredMessage("1", "conflict", "A"), [StoredPunch(A, "1")]),
        (DeadLetteredMessage("1", "exhausted", "A"), [StoredPunch(OTHER, "2")]),
        (DeadLetteredMessage("1", "conflict", "changed"), [StoredPunch(OTHER, "2")]),
    ],
    ids=["dead-lettered without need", "conflict with nothing", "both ends", "another reason", "another body"],
)
def test_unexpected_dead_letter_is_detected_and_is_not_a_loss(
    dead_letter: DeadLetteredMessage, rows: list[StoredPunch]
) -> None:
    ledger = build_ledger({"1": SentMessage(A, "A")}, rows, [dead_letter])

    assert ledger.misplaced == ["1"]
    assert ledger.stored + sum(ledger.dead_letters.values()) == 1
    assert ledger.is_complete
    assert not ledger.is_clean
