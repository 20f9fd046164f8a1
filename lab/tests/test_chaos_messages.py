"""What `make chaos` sends is what its proof expects, and what it breaks has the words of the laboratory."""

from random import Random
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from lab.chaos.messages import POISON, make_messages
from lab.faults import Area, Kind
from ponto.event import INSTANT_COLUMN
from ponto.punch import InvalidPunchError, parse
from tools.local.faults import Faults


def test_what_is_sent_is_what_the_ledger_expects() -> None:
    messages = make_messages(Random(1), 2_000, 10**9)  # noqa: S311

    for punch, body in messages:
        if punch:
            found = parse(body, ZoneInfo("America/Sao_Paulo"))
            assert (found.id, found.employee_id, getattr(found, INSTANT_COLUMN)) == punch
    ids = [punch.id for punch, _ in messages if punch]
    assert 0 < sum(punch is None for punch, _ in messages) < 60
    assert 1_600 < len(set(ids)) < len({body for punch, body in messages if punch}) < len(ids)


@pytest.mark.parametrize("name", POISON)
def test_poison_is_dead_lettered_for_the_reason_it_says(name: str) -> None:
    reason, body = POISON[name]

    with pytest.raises(InvalidPunchError) as refusal:
        parse(body, ZoneInfo("America/Sao_Paulo"))

    assert refusal.value.reason == reason
    assert len(body) <= len(POISON["64 KiB"][1]) == 65_536  # one is as large as a message may be


def test_what_the_local_stack_can_break_has_the_words_of_the_laboratory() -> None:
    assert Faults(cast(Any, None)).kinds.keys() <= {kind for kind in Kind if kind.area is Area.DATABASE}
