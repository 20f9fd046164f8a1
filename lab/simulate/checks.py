"""Rules that must hold at every step of a simulation and at its end."""

from collections.abc import Sequence

import psycopg2.extensions

from lab.simulate.employees import Submission
from loadtest.ledger import (
    DeadLetteredMessage,
    PunchKey,
    RowRelation,
    SentMessage,
    StoredPunch,
    build_ledger,
    compare_row,
)
from loadtest.rows import read_rows
from ponto.punch import EVENT

STATES = ("stored", "duplicates", "dead-lettered", "waiting", "removed by operators", "expired")
_LOOK_UP = f"""
prepare audit (uuid[]) as
select id::text, {EVENT.subject}, {EVENT.instant}, mensagem_id from ponto.batida where id = any($1)
"""  # noqa: S608


class BrokenRuleError(Exception):
    """A rule does not hold.

    Attributes:
        rule: name of the rule.
        time: time of the simulated clock when it broke.
        accepted: the message that breaks it, if it is a single one.
    """

    def __init__(self, rule: str, time: float, message: str, accepted: "AcceptedMessage | None" = None) -> None:
        super().__init__(message)
        self.rule, self.time, self.accepted = rule, time, accepted


class AcceptedMessage:
    """Message that the gateway accepted with a 202, and its current state."""

    __slots__ = (
        "dead_letter_count", "id", "is_duplicate_excused", "is_expired", "is_removed", "number", "queued_count",
        "row_relation", "state", "submission",
    )  # fmt: skip

    def __init__(self, number: int, message_id: str, submission: Submission) -> None:
        self.number, self.id, self.submission = number, message_id, submission
        self.queued_count = 1  # its copies in the queue of punches
        self.dead_letter_count = 0  # its copies in the dead-letter queue
        self.row_relation: RowRelation | None = None  # between this message and the row with its id
        self.is_removed = self.is_expired = False
        # True if it may be both a row and a dead letter: a commit was not confirmed, or two invocations had it at once.
        self.is_duplicate_excused = False
        self.state = "waiting"

    def find_state(self) -> str | None:
        """Return one of `STATES`, or None if the message is lost."""
        if self.queued_count:
            return "waiting"
        if self.dead_letter_count:
            return "dead-lettered"
        if self.row_relation in (RowRelation.STORED, RowRelation.DUPLICATE):
            return self.row_relation
        if self.is_removed:
            return "removed by operators"
        return "expired" if self.is_expired else None

    def __str__(self) -> str:
        return f"message {self.number}"


class Auditor:
    """Reader of the database with a separate connection, which no simulated fault affects."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        # The statement is planned only once, while the table is empty.
        self._cursor.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
        self._cursor.execute(_LOOK_UP)

    def update_rows(self, messages: Sequence[AcceptedMessage]) -> None:
        """Set the `row_relation` of messages whose id has a row now."""
        ids = {message.submission.id for message in messages if message.submission.id}
        if not ids:
            return
        self._cursor.execute("execute audit (%s)", (f"{{{','.join(sorted(ids))}}}",))  # as PostgreSQL writes an array
        rows = {punch[0]: StoredPunch(PunchKey(*punch), message_id) for *punch, message_id in self._cursor}
        for message in messages:
            if row := rows.get(message.submission.id):
                message.row_relation = compare_row(message.id, message.submission.punch, row)

    def rows(self) -> list[StoredPunch]:
        """Return all rows."""
        return read_rows(self._connection)


class Tally:
    """All accepted messages, and their number in each state."""

    def __init__(self) -> None:
        self.accepted: list[AcceptedMessage] = []
        self.counts = dict.fromkeys(STATES, 0)

    def accept(self, message_id: str, submission: Submission) -> AcceptedMessage:
        self.accepted.append(AcceptedMessage(len(self.accepted) + 1, message_id, submission))
        self.counts["waiting"] += 1
        return self.accepted[-1]

    def update_state(self, message: AcceptedMessage, now: float) -> None:
        """Count a message in its current state.

        Raises:
            BrokenRuleError: the message is lost, or is both a row and a dead letter.
        """
        state = message.find_state()
        if state is None:
            text = f"{message} was deleted from the queue, and is neither a row nor a dead letter"
            raise BrokenRuleError("lost", now, text, message)
        if state == "dead-lettered" and message.row_relation is RowRelation.STORED and not message.is_duplicate_excused:
            raise BrokenRuleError("twice", now, f"{message} is a row and a dead letter", message)
        if state != message.state:
            self.counts[message.state] -= 1
            self.counts[state] += 1
            message.state = state

    def check_balance(self, now: float, queue: int, dead_letters: int) -> None:
        """Check that the states add up to the accepted messages, and that the queues hold no fewer than are counted.

        Args:
            now: time of the simulated clock.
            queue: messages in the queue of punches, copies included.
            dead_letters: messages in the dead-letter queue.

        Raises:
            BrokenRuleError: the numbers differ.
        """
        if queue < self.counts["waiting"] or dead_letters < self.counts["dead-lettered"]:
            raise BrokenRuleError("balance", now, f"{self.counts}, but {queue} and {dead_letters} are in the queues")
        if len(self.accepted) != sum(self.counts.values()):
            raise BrokenRuleError("balance", now, f"{len(self.accepted)} accepted, but {self.counts}")

    def check_end(self, rows: Sequence[StoredPunch], dead_letters: Sequence[DeadLetteredMessage], now: float) -> None:
        """Compare every accepted message with all rows and dead letters at the end of a run.

        Raises:
            BrokenRuleError: a row belongs to no accepted message, a punch has two rows, or a message is lost.
        """
        rows_by_id = {row.punch.id: row for row in rows}
        unknown_ids = rows_by_id.keys() - {message.submission.id for message in self.accepted}
        if unknown_ids:
            raise BrokenRuleError("invented", now, f"the row {min(unknown_ids)} belongs to no accepted message")
        for message in self.accepted:
            row = rows_by_id.get(message.submission.id)
            message.row_relation = compare_row(message.id, message.submission.punch, row) if row else None
            self.update_state(message, now)
        ended = [
            message
            for message in self.accepted
            if message.state in (RowRelation.STORED, RowRelation.DUPLICATE, "dead-lettered")
        ]
        ledger = build_ledger(
            {message.id: SentMessage(message.submission.punch) for message in ended}, rows, dead_letters
        )
        if ledger.stored_twice:
            raise BrokenRuleError("twice", now, f"there are two rows of {ledger.stored_twice[0]}")
        if ledger.lost:
            raise BrokenRuleError("lost", now, f"{ledger.lost[0]} is neither a row nor a dead letter")
