"""Planted fault: the order in which suspects were tried before they were spread over time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from ponto import crash_suspects
from ponto.message import Message
from ponto.redelivery import Redelivery


def halves(suspects: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield half of them, half of the rest, and so on, down to one."""
    while suspects:
        middle = (len(suspects) + 1) // 2
        yield suspects[:middle]
        suspects = suspects[middle:]


@contextmanager
def largest_first() -> Iterator[None]:
    """Try the largest part of the suspects first, and let them come back together."""
    with (
        patch.object(crash_suspects, "growing_parts", halves),
        patch.object(Redelivery, "set_visibility", lambda *_: None),
    ):
        yield
