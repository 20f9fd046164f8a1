"""What must hold at every step and in the end."""

from collections import Counter
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
from ponto.punch import INSTANT_COLUMN, SUBJECT_COLUMN

STATES = ("stored", "duplicates", "dead-lettered", "waiting", "removed by operators", "expired")
_LOOK_UP = f"""
prepare audit (uuid[]) as
select id::text, {SUBJECT_COLUMN}, {INSTANT_COLUMN}, mensagem_id from ponto.batida where id = any($1)
"""  # noqa: S608
_ALL_EMPLOYEES = range(1, 2**53)


class BrokenRuleError(Exception):
    """A rule does not hold."""

    def __init__(self, rule: str, time: float, message: str, accepted: "AcceptedMessage | None" = None) -> None:
        super().__init__(message)
        self.rule, self.time, self.accepted = rule, time, accepted


class AcceptedMessage:
    """A message that the gateway answered with a 202, and what became of it."""

    __slots__ = (
        "dead_letter_count",
        "id",
        "is_duplicate_excused",
        "is_expired",
        "is_removed",
        "number",
        "queued_count",
        "row_relation",
        "state",
        "submission",
    )

    def __init__(self, number: int, message_id: str, submission: Submission) -> None:
        self.number, self.id, self.submission = number, message_id, submission
        self.queued_count = 1  # messages of it in the queue of punches, and
        self.dead_letter_count = 0  # in the dead-letter queue
        self.row_relation: RowRelation | None = None  # what stands under its id
        self.is_removed = self.is_expired = False
        self.is_duplicate_excused = (
            False  # for good: it may have been stored without anybody knowing, or two had it at once
        )
        self.state = "waiting"

    def find_state(self) -> str | None:
        """Tell where it is; None: nowhere."""
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
    """Looks into the database on a connection of its own, as nobody of the system does."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        # It plans once, and while the table is empty.
        self._cursor.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
        self._cursor.execute(_LOOK_UP)

    def update_rows(self, found: Sequence[AcceptedMessage]) -> None:
        """See which of some messages are rows."""
        ids = {each.submission.id for each in found if each.submission.id}
        if not ids:
            return
        self._cursor.execute("execute audit (%s)", (f"{{{','.join(sorted(ids))}}}",))  # as PostgreSQL writes an array
        rows = {punch[0]: StoredPunch(PunchKey(*punch), message_id) for *punch, message_id in self._cursor}
        for each in found:
            if row := rows.get(each.submission.id):
                each.row_relation = compare_row(each.id, each.submission.punch, row)

    def rows(self) -> list[StoredPunch]:
        """Give all rows."""
        return read_rows(self._connection, _ALL_EMPLOYEES)


class Tally:
    """All that was accepted, counted by what became of it."""

    def __init__(self) -> None:
        self.accepted: list[AcceptedMessage] = []
        self.counts = dict.fromkeys(STATES, 0)

    def accept(self, message_id: str, submission: Submission) -> AcceptedMessage:
        self.accepted.append(AcceptedMessage(len(self.accepted) + 1, message_id, submission))
        self.counts["waiting"] += 1
        return self.accepted[-1]

    def update_state(self, each: AcceptedMessage, now: float) -> None:
        """See what became of one.

        Raises:
            BrokenError: it is nowhere, or in two places.
        """
        state = each.find_state()
        if state is None:
            what = f"{each} was deleted from the queue, and is neither a row nor a dead letter"
            raise BrokenRuleError("lost", now, what, each)
        if state == "dead-lettered" and each.row_relation is RowRelation.STORED and not each.is_duplicate_excused:
            raise BrokenRuleError("twice", now, f"{each} is a row and a dead letter", each)
        if state != each.state:
            self.counts[each.state] -= 1
            self.counts[state] += 1
            each.state = state

    def check_balance(self, now: float, queue: int, dead_letters: int) -> None:
        """Compare what was accepted with what became of it.

        Args:
            now: the clock's time.
            queue: how many messages are in the queue of punches; of one that was accepted there may be several.
            dead_letters: how many in the dead-letter queue.

        Raises:
            BrokenError: they differ.
        """
        if queue < self.counts["waiting"] or dead_letters < self.counts["dead-lettered"]:
            raise BrokenRuleError("balance", now, f"{self.counts}, but {queue} and {dead_letters} are in the queues")
        if len(self.accepted) != sum(self.counts.values()):
            raise BrokenRuleError("balance", now, f"{len(self.accepted)} accepted, but {self.counts}")

    def check_end(self, rows: Sequence[StoredPunch], dead_letters: Sequence[DeadLetteredMessage], now: float) -> None:
        """Compare every accepted message with the rows and the dead letters, at the end.

        Raises:
            BrokenError: a row is of no accepted message, a punch is two, or a message is not where it was said to be.
        """
        standing = {row.punch.id: row for row in rows}
        unknown = standing.keys() - {each.submission.id for each in self.accepted}
        if unknown:
            raise BrokenRuleError("invented", now, f"nobody sent the row {min(unknown)}")
        for each in self.accepted:
            row = standing.get(each.submission.id)
            each.row_relation = compare_row(each.id, each.submission.punch, row) if row else None
            self.update_state(each, now)
        ended = [
            each for each in self.accepted if each.state in (RowRelation.STORED, RowRelation.DUPLICATE, "dead-lettered")
        ]
        found = build_ledger({each.id: SentMessage(each.submission.punch) for each in ended}, rows, dead_letters)
        if found.stored_twice:
            raise BrokenRuleError("twice", now, f"there are two rows of {found.stored_twice[0]}")
        if found.lost:
            raise BrokenRuleError("lost", now, f"{found.lost[0]} is neither a row nor a dead letter")
        # A dead letter may be a row too; then it is counted as that.
        both = Counter(each.row_relation for each in ended if each.state == "dead-lettered")
        rows_of_both = both[RowRelation.STORED] + both[RowRelation.DUPLICATE]
        expected = (
            self.counts["stored"] + both[RowRelation.STORED],
            self.counts["duplicates"] + both[RowRelation.DUPLICATE],
            self.counts["dead-lettered"] - rows_of_both,
        )
        dead = sum(found.dead_letters.values())
        if (found.stored, found.duplicates, dead) != expected:
            what = f"found {found.stored} stored, {found.duplicates} duplicates, {dead} dead-lettered"
            raise BrokenRuleError("balance", now, f"counted {self.counts}, {what}")
