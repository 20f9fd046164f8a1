"""What proves that nothing is lost has to notice when something is."""

from datetime import UTC, datetime, timedelta

import pytest

from loadtest.ledger import DeadLetter, Ledger, PunchKey, Row, Sent, judge

EIGHT = datetime(2026, 10, 1, 8, tzinfo=UTC)
A, B = PunchKey("a", 1, EIGHT), PunchKey("b", 2, EIGHT)
OTHER = PunchKey("a", 3, EIGHT)  # under A's id


def test_each_end_is_told_from_the_others() -> None:
    accepted = {
        "first": Sent(A, "A"),
        "again": Sent(A, "A"),
        "other": Sent(OTHER, "OTHER"),
        "poison": Sent(None, "?"),
    }

    found = judge(
        accepted,
        [Row(A, "first")],
        [
            DeadLetter("other", "conflict", "OTHER"),
            DeadLetter("poison", "malformed", "?"),
            DeadLetter("poison", "malformed", "?"),
        ],
    )

    assert found.is_clean
    assert found == Ledger(1, 1, {"conflict": 1, "malformed": 1}, [], [], [])


def test_neither_a_row_nor_a_dead_letter_is_a_loss() -> None:
    found = judge({"1": Sent(A, "A"), "2": Sent(None, "?")}, [Row(B, "3")], [])

    assert found.lost == ["1", "2"]
    assert not found.is_complete
    assert not found.is_clean


@pytest.mark.parametrize("row", [A._replace(instant=EIGHT + timedelta(microseconds=1)), A._replace(employee=9)])
def test_a_row_with_other_content_is_a_loss(row: PunchKey) -> None:
    assert judge({"1": Sent(A, "A")}, [Row(row, "1")], []).lost == ["1"]


@pytest.mark.parametrize(
    ("twin", "named"),
    [
        (Row(A._replace(id="c"), "2"), "employee 1 at 2026-10-01 08:00:00+00:00"),
        (Row(PunchKey("c", 4, EIGHT), "1"), "1"),
    ],
    ids=["same punch under another id", "same message"],
)
def test_two_rows_are_noticed(twin: Row, named: str) -> None:
    found = judge({"1": Sent(A, "A")}, [Row(A, "1"), twin], [])

    assert found.stored_twice == [named]
    assert not found.is_complete


@pytest.mark.parametrize(
    ("dead_letter", "rows"),
    [
        (DeadLetter("1", "exhausted", "A"), []),
        (DeadLetter("1", "conflict", "A"), []),
        (DeadLetter("1", "conflict", "A"), [Row(A, "1")]),
        (DeadLetter("1", "exhausted", "A"), [Row(OTHER, "2")]),
        (DeadLetter("1", "conflict", "changed"), [Row(OTHER, "2")]),
    ],
    ids=["dead-lettered without need", "conflict with nothing", "both ends", "another reason", "another body"],
)
def test_a_dead_letter_that_should_not_be_is_noticed_and_is_an_end(dead_letter: DeadLetter, rows: list[Row]) -> None:
    found = judge({"1": Sent(A, "A")}, rows, [dead_letter])

    assert found.misplaced == ["1"]
    assert found.stored + sum(found.dead_letters.values()) == 1
    assert found.is_complete
    assert not found.is_clean
