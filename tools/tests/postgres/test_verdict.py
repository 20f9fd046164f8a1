"""The verdict of the local stack's view, with a real database."""

from uuid import uuid4

import pytest

from tests.postgres.storing import add_punch
from tools.local import verdict

A, B, C = (str(uuid4()) for _ in range(3))


def test_accepted_message_is_a_row_a_duplicate_a_dead_letter_or_lost(migrated_url: str) -> None:
    add_punch(migrated_url, id=A, mensagem_id="row")

    accepted = {"row": A, "again": A, "conflict": A, "invalid": None, "gone": B}
    result = verdict.judge(migrated_url, accepted, dead={"conflict", "invalid"})

    assert result == {"accepted": 5, "rows": 1, "duplicates": 1, "deadLetters": 2, "lost": 1}


def test_duplicate_and_row_of_an_earlier_run_do_not_hide_a_loss(migrated_url: str) -> None:
    add_punch(migrated_url, id=A, mensagem_id="accepted by the earlier run, as was its duplicate")
    add_punch(migrated_url, id=B, mensagem_id="the earlier run's, stored in this one")

    result = verdict.judge(migrated_url, {"gone": C}, dead=set())

    assert result == {"accepted": 1, "rows": 0, "duplicates": 0, "deadLetters": 0, "lost": 1}


def test_redriven_and_stored_dead_letter_counts_as_a_row_only(migrated_url: str) -> None:
    add_punch(migrated_url, id=A, mensagem_id="sent back")

    result = verdict.judge(migrated_url, {"sent back": A, "deleted": B}, dead={"sent back", "deleted"})

    assert result == {"accepted": 2, "rows": 1, "duplicates": 0, "deadLetters": 1, "lost": 0}


@pytest.mark.parametrize(("message_id", "lost"), [("row", 0), ("elsewhere", None)])
def test_punch_with_unknown_id_is_judged_by_its_message_id(
    message_id: str, lost: int | None, migrated_url: str
) -> None:
    add_punch(migrated_url, id=A, mensagem_id="row")

    assert verdict.judge(migrated_url, {message_id: None}, dead=set())["lost"] == lost


def test_verdict_without_messages_has_no_loss(migrated_url: str) -> None:
    assert verdict.judge(migrated_url, {}, dead=set())["lost"] == 0
