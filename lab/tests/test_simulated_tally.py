"""The end of a simulated run: what was accepted is compared with the rows and the dead letters."""

from types import SimpleNamespace
from typing import Any

import pytest

from lab.simulate.checks import BrokenError, Tally
from loadtest.ledger import DeadLetter


def test_a_dead_letter_that_is_not_in_its_queue_is_lost() -> None:
    tally = Tally()
    sending: Any = SimpleNamespace(id=None, punch=None)  # of no punch
    accepted = tally.accept("m1", sending)
    accepted.queued, accepted.dead_letters = 0, 1

    tally.close([], [DeadLetter("m1", "malformed")], 1.0)

    with pytest.raises(BrokenError, match="m1 is neither a row nor a dead letter"):
        tally.close([], [], 1.0)
