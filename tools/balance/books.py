"""The equation of the books: whatever was sent to the queue of punches came to an end, or waits. Pure.

Two queues are balanced, each over the same span: what was there before and what came in is what went out and what is
there after. What SQS moves from one to the other nobody counts; it follows from the second.

    waiting before + sent = rows + duplicates + dead-lettered + exhausted + waiting after + difference
    letters before + letters sent + exhausted = letters deleted + gone + letters after

A message that was delivered again is in neither: it was sent once, and its row was written once.
"""

from typing import NamedTuple


class Books(NamedTuple):
    """What was counted in a span."""

    accepted: int  # 202s of the gateway
    redriven: int  # dead letters that were sent back, as the function counts them: when each comes to its end
    sent: int  # to the queue of punches, by whomever
    waiting_before: int  # in that queue, what is being worked on included
    waiting_after: int
    rows: int  # written
    duplicates: int  # messages that found the row of another one
    dead_lettered: int  # messages, by the function
    letters_before: int  # in the dead-letter queue
    letters_after: int
    letters_sent: int  # to it: SQS does not count what it moves there by itself
    letters_deleted: int  # one by one, as a redrive does; a purge is not counted

    @property
    def others(self) -> int:
        """Sent by imports or a deploy's proof, or redriven and not ended.

        Negative: redriven before the span and ended in it, or accepted and never sent. The numbers do not say which.
        """
        return self.sent - self.accepted - self.redriven

    @property
    def exhausted(self) -> int:
        """Moved by SQS to the dead-letter queue; too few by as many as left it unseen in the same span."""
        return max(0, self._moved)

    @property
    def gone(self) -> int:
        """Dead letters that left unseen: purged or expired."""
        return max(0, -self._moved)

    @property
    def difference(self) -> int:
        """Messages that came to no end that is known; negative: that came to two."""
        ends = self.rows + self.duplicates + self.dead_lettered + self.exhausted
        return self.waiting_before + self.sent - ends - self.waiting_after

    @property
    def balance(self) -> bool:
        """Whether all that was sent is accounted for; where `others` is negative, not all that was accepted need be."""
        return self.difference == self.gone == 0 and self.sent >= self.accepted

    @property
    def _moved(self) -> int:
        return self.letters_after + self.letters_deleted - self.letters_before - self.letters_sent
