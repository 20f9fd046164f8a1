"""The books of each simulated day, kept by what the sources of `ponto balance` see, and nothing else."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tools.balance.books import Books


class _Stock(NamedTuple):
    """What is there at midnight."""

    waiting: int
    letters: int
    rows: int


class Bookkeeper:
    """Counts what passes, and balances it at each midnight."""

    def __init__(self) -> None:
        self.days: list[Books] = []
        self.unlogged: list[int] = []  # rows of each day that no line of the log has
        self.counted: Counter[str] = Counter()  # since midnight, by the names of Books
        self._before = _Stock(0, 0, 0)

    def close_day(self, waiting: int, letters: int, rows: int) -> None:
        """Balance a day.

        Args:
            waiting: messages in the queue of punches.
            letters: in the dead-letter queue.
            rows: in the database, all.
        """
        before, after = self._before, _Stock(waiting, letters, rows)
        counted = {name: self.counted[name] for name in COUNTED}
        self.days.append(
            Books(
                **counted,
                waiting_before=before.waiting,
                waiting_after=after.waiting,
                rows=after.rows - before.rows,
                letters_before=before.letters,
                letters_after=after.letters,
            )
        )
        self.unlogged.append(self.days[-1].rows - self.counted["stored"])
        self.counted.clear()
        self._before = after


COUNTED = ("accepted", "redriven", "sent", "duplicates", "dead_lettered", "letters_sent", "letters_deleted")
"""What metrics count."""


def told(days: Sequence[Books], unlogged: Sequence[int]) -> Iterator[str]:
    """Sum the books of many days up, a line for each finding."""
    yield f"books of {len(days)} days: {sum(found.balance for found in days)} balance"
    for what, numbers in (
        ("messages missing", [found.difference for found in days]),
        ("messages with two ends", [-found.difference for found in days]),
        ("dead letters gone", [found.gone for found in days]),
        ("rows that the log lacks", unlogged),
    ):
        found = [number for number in numbers if number > 0]
        yield f"  {what}: {sum(found)}, on {len(found)} days, {max(found, default=0)} at most on one"
