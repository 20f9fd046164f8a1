"""The verdict of the local stack's view, on a real database."""

from datetime import UTC, datetime, timedelta

from tests.postgres.storing import add
from tools.local import verdict

START = datetime(2026, 10, 1, 8, tzinfo=UTC)


def test_what_is_no_row_no_duplicate_and_no_dead_letter_is_lost(migrated_url: str) -> None:
    earlier, later = START - timedelta(seconds=1), START + timedelta(seconds=1)
    add(migrated_url, recebida_em=earlier, mensagem_id="of the run before")
    for number in range(4):
        add(migrated_url, recebida_em=later, mensagem_id=f"m{number}")

    found = verdict.judge(migrated_url, START, accepted=8, duplicates=1, dead={"d1", "d2"})

    assert found == verdict.Verdict(accepted=8, rows=4, duplicates=1, dead_letters=2)
    assert found.lost == 1


def test_a_dead_letter_that_was_sent_back_and_stored_is_a_row_alone(migrated_url: str) -> None:
    add(migrated_url, recebida_em=START, mensagem_id="sent back")

    found = verdict.judge(migrated_url, START, accepted=2, duplicates=0, dead={"sent back", "deleted"})

    assert found.to_json() == {"accepted": 2, "rows": 1, "duplicates": 0, "deadLetters": 1, "lost": 0}
