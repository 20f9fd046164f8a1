"""What proves that nothing is lost has to notice when something is."""

from datetime import UTC, datetime, timedelta

import pytest

from loadtest.ledger import DeadLetteredMessage, Ledger, PunchKey, SentMessage, StoredPunch, build_ledger

EIGHT = datetime(2026, 10, 1, 8, tzinfo=UTC)
A, B = PunchKey("a", 1, EIGHT), PunchKey("b", 2, EIGHT)
OTHER = PunchKey("a", 3, EIGHT)  # under A's id


def test_each_end_is_told_from_the_others() -> None:
    accepted = {
        "first": SentMessage(A, "A"),
        "again": SentMessage(A, "A"),
        "other": SentMessage(OTHER, "OTHER"),
        "poison": SentMessage(None, "?"),
    }

    found = build_ledger(
        accepted,
        [StoredPunch(A, "first")],
        [
            DeadLetteredMessage("other", "conflict", "OTHER"),
            DeadLetteredMessage("poison", "malformed", "?"),
            DeadLetteredMessage("poison", "malformed", "?"),
        ],
    )

    assert found.is_clean
    assert found == Ledger(1, 1, {"conflict": 1, "malformed": 1}, [], [], [])


def test_neither_a_row_nor_a_dead_letter_is_a_loss() -> None:
    found = build_ledger({"1": SentMessage(A, "A"), "2": SentMessage(None, "?")}, [StoredPunch(B, "3")], [])

    assert found.lost == ["1", "2"]
    assert not found.is_complete
    assert not found.is_clean


@pytest.mark.parametrize("row", [A._replace(instant=EIGHT + timedelta(microseconds=1)), A._replace(employee_id=9)])
def test_a_row_with_other_content_is_a_loss(row: PunchKey) -> None:
    assert build_ledger({"1": SentMessage(A, "A")}, [StoredPunch(row, "1")], []).lost == ["1"]


@pytest.mark.parametrize(
    ("twin", "named"),
    [
        (StoredPunch(A._replace(id="c"), "2"), "employee 1 at 2026-10-01 08:00:00+00:00"),
        (StoredPunch(PunchKey("c", 4, EIGHT), "1"), "1"),
    ],
    ids=["same punch under another id", "same message"],
)
def test_two_rows_are_noticed(twin: StoredPunch, named: str) -> None:
    found = build_ledger({"1": SentMessage(A, "A")}, [StoredPunch(A, "1"), twin], [])

    assert found.stored_twice == [named]
    assert not found.is_complete


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
def test_a_dead_letter_that_should_not_be_is_noticed_and_is_an_end(
    dead_letter: DeadLetteredMessage, rows: list[StoredPunch]
) -> None:
    found = build_ledger({"1": SentMessage(A, "A")}, rows, [dead_letter])

    assert found.misplaced == ["1"]
    assert found.stored + sum(found.dead_letters.values()) == 1
    assert found.is_complete
    assert not found.is_clean
