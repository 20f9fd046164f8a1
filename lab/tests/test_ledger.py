"""What proves that nothing is lost has to notice when something is."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from lab.chaos.command import POISON, make_messages
from lab.chaos.ledger import DeadLetter, Message, PunchKey, Row, judge
from ponto.punch import NotAPunch, parse

EIGHT = datetime(2026, 10, 1, 8, tzinfo=UTC)
A, B = PunchKey("a", 1, EIGHT), PunchKey("b", 2, EIGHT)
OTHER = PunchKey("a", 3, EIGHT)  # under A's id


def test_each_end_is_told_from_the_others() -> None:
    accepted = {
        "first": Message("A", A),
        "again": Message("A", A),
        "other": Message("OTHER", OTHER),
        "poison": Message("?", None),
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
    assert (found.stored, found.duplicates, found.dead_letters) == (1, 1, {"conflict": 1, "malformed": 1})


def test_neither_a_row_nor_a_dead_letter_is_a_loss() -> None:
    found = judge({"1": Message("A", A), "2": Message("?", None)}, [Row(B, "3")], [])

    assert found.lost == ["1", "2"]
    assert not found.is_clean


def test_a_row_with_other_content_is_a_loss() -> None:
    later = A._replace(ponto=EIGHT + timedelta(microseconds=1))

    assert judge({"1": Message("A", A)}, [Row(later, "1")], []).lost == ["1"]


@pytest.mark.parametrize(
    "twin",
    [Row(A._replace(id="c"), "2"), Row(PunchKey("c", 4, EIGHT), "1")],
    ids=["same punch under another id", "same message"],
)
def test_two_rows_are_noticed(twin: Row) -> None:
    found = judge({"1": Message("A", A)}, [Row(A, "1"), twin], [])

    assert len(found.stored_twice) == 1
    assert not found.is_clean


@pytest.mark.parametrize(
    ("dead_letter", "rows"),
    [
        (DeadLetter("1", "exhausted", "A"), []),
        (DeadLetter("1", "conflict", "A"), []),
        (DeadLetter("1", "conflict", "A"), [Row(A, "1")]),
        (DeadLetter("1", "conflict", "changed"), [Row(OTHER, "2")]),
    ],
    ids=["dead-lettered without need", "conflict with nothing", "both ends", "another body"],
)
def test_a_dead_letter_that_should_not_be_is_noticed(dead_letter: DeadLetter, rows: list[Row]) -> None:
    found = judge({"1": Message("A", A)}, rows, [dead_letter])

    assert found.misplaced == ["1"]
    assert not found.is_clean


def test_what_is_sent_is_what_the_ledger_expects() -> None:
    messages = make_messages(Random(1), 2_000, 10**9)  # noqa: S311

    for body, punch in messages:
        if punch:
            found = parse(body, ZoneInfo("America/Sao_Paulo"))
            assert (found.id, found.usuario_id, found.ponto) == punch
    ids = [punch.id for _, punch in messages if punch]
    assert 0 < sum(punch is None for _, punch in messages) < 60
    assert 1_600 < len(set(ids)) < len({body for body, punch in messages if punch}) < len(ids)


@pytest.mark.parametrize("name", POISON)
def test_poison_is_dead_lettered_for_the_reason_it_says(name: str) -> None:
    reason, body = POISON[name]

    with pytest.raises(NotAPunch) as refusal:
        parse(body, ZoneInfo("America/Sao_Paulo"))

    assert refusal.value.reason == reason
    assert len(body) <= 65_536


def test_one_poison_is_as_large_as_a_message_may_be() -> None:
    assert len(POISON["64 KiB"][1]) == 65_536
