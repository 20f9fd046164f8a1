"""The verdict of the local stack's view, with a real database."""

from collections.abc import Mapping
from uuid import uuid4

import pytest

from tests.postgres.storing import add_punch
from tools.local import verdict

A, B, C = (str(uuid4()) for _ in range(3))


@pytest.mark.parametrize(
    ("rows", "accepted", "dead", "counts"),
    [
        (
            {"row": A},
            {"row": A, "again": A, "conflict": A, "invalid": None, "gone": B},
            ["conflict", "invalid"],
            (1, 1, 2, 1),
        ),
        ({"of an earlier run": A, "stored in this run": B}, {"gone": C}, [], (0, 0, 0, 1)),
        ({"sent back": A}, {"sent back": A, "deleted": B}, ["sent back", "deleted"], (1, 0, 1, 0)),
        ({"row": A}, {"row": None}, [], (1, 0, 0, 0)),  # the punch's id is unknown
        ({"row": A}, {"elsewhere": None}, [], (0, 0, 0, None)),
        ({}, {}, [], (0, 0, 0, 0)),
    ],
)
def test_accepted_message_is_a_row_a_duplicate_a_dead_letter_or_lost(
    migrated_url: str, rows: Mapping[str, str], accepted: Mapping[str, str | None], dead: list[str], counts: object
) -> None:
    for message_id, punch_id in rows.items():
        add_punch(migrated_url, id=punch_id, mensagem_id=message_id)

    result = verdict.judge(migrated_url, accepted, dead={*dead})

    assert result["accepted"] == len(accepted)
    assert (result["rows"], result["duplicates"], result["deadLetters"], result["lost"]) == counts
