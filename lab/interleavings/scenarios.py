"""Which programs meet, and over what."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from lab.interleavings.programs import Correcting, Draining, Migrating, Program, Redriving, Reporting
from lab.interleavings.world import REFUSED, Message


class Scenario(NamedTuple):
    """Programs that run beside each other; they are A, B and so on."""

    what: str
    programs: Callable[[], Sequence[Program]]
    harms: frozenset[str] = frozenset()  # that may happen, to each program one, as steps: A! A~ A?
    harm_limit: int = 1  # of them in a run
    migrates: bool = False
    view: bool = False  # the migrations change a view, too


def _batch(sender: str, *punches: int, employee: int = 1) -> list[Message]:
    """A batch of messages that are named by who sent them and their punch."""
    return [Message(f"{sender}{number}-{punch}", punch, employee) for number, punch in enumerate(punches, 1)]


def _refused(sender: str, punch: int) -> Message:
    return Message(f"{sender}-{punch}", punch, device=REFUSED)


SCENARIOS: dict[str, Scenario] = {
    "same": Scenario(
        "two drains: the same punches, in another order",
        lambda: (Draining(_batch("a", 1, 2)), Draining(_batch("b", 2, 1))),
    ),
    "other": Scenario(
        "two drains: other punches under the same ids",
        lambda: (Draining(_batch("a", 1, 2)), Draining(_batch("b", 2, 1, employee=2))),
    ),
    "overlap": Scenario(
        "two drains: some ids in common, some twice in a batch",
        lambda: (Draining(_batch("a", 1, 2, 3)), Draining([*_batch("b", 3, 4, 2), *_batch("c", 3, employee=2)])),
    ),
    "refused": Scenario(
        "two drains, of which one has a punch that a newer schema refuses, so that it stores the others in parts",
        lambda: (Draining([*_batch("a", 1), _refused("x", 2)]), Draining(_batch("b", 1))),
    ),
    "batches": Scenario(
        "two drains, of one batch and of two, with both ids in common",
        lambda: (Draining(_batch("a", 1), _batch("c", 2)), Draining(_batch("b", 2, 1, employee=2))),
    ),
    "three": Scenario(
        "three drains with one id, one of them with another punch under it",
        lambda: (Draining(_batch("a", 1)), Draining(_batch("b", 1)), Draining(_batch("c", 1, employee=2))),
    ),
    "killed": Scenario(
        "two drains of the same punch, one of which is killed, cut or tired of waiting, and what it had comes again",
        lambda: (Draining(_batch("a", 1), killable_tries=1), Draining(_batch("b", 1))),
        harms=frozenset({"A!", "A~", "A?"}),
    ),
    "killed, other": Scenario(
        "two drains of which one is killed, with another punch under the same id",
        lambda: (Draining(_batch("a", 1), killable_tries=1), Draining(_batch("b", 1, employee=2))),
        harms=frozenset({"A!"}),
    ),
    "killed twice": Scenario(
        "a drain that is killed, and what it had comes again to another, which is killed, too",
        lambda: (Draining(_batch("a", 1), killable_tries=2),),
        harms=frozenset({"A!", "B!"}),
        harm_limit=2,
    ),
    "redrive": Scenario(
        "a dead letter is redriven, while the device's own second try is drained",
        lambda: (Redriving(*_batch("a", 1)), Draining(_batch("b", 1))),
    ),
    "redrive killed": Scenario(
        "a dead letter is redriven by a command that may be killed, and is run again: its copies are drained",
        lambda: (Redriving(*_batch("a", 1)),),
        harms=frozenset({"A!"}),
    ),
    "migration": Scenario(
        "a drain of two batches, and a migration that locks the table; a view changes, too",
        lambda: (Draining(_batch("a", 1), _batch("c", 2)), Migrating()),
        migrates=True,
        view=True,
    ),
    "migration killed": Scenario(
        "a drain, and a migration that is killed, and run again",
        lambda: (Draining(_batch("a", 1)), Migrating()),
        harms=frozenset({"B!"}),
        migrates=True,
    ),
    "drain tired": Scenario(
        "a migration, and a drain that is tired of waiting for it",
        lambda: (Draining(_batch("a", 1)), Migrating()),
        harms=frozenset({"A?"}),
        migrates=True,
    ),
    "migrations": Scenario(
        "the migrations, run twice at once",
        lambda: (Migrating(), Migrating()),
        migrates=True,
    ),
    "correction": Scenario(
        "a drain of two batches, and a correction: one of the punches is disregarded",
        lambda: (
            Draining(_batch("a", 1), _batch("b", 2)),
            Correcting(alvo=str(uuid.UUID(int=1))),
        ),
    ),
    "correction, report": Scenario(
        "a report, and a correction that adds a punch",
        lambda: (
            Reporting(),
            Correcting(usuario_id=1, ponto=datetime(2026, 10, 1, 8, tzinfo=UTC)),
        ),
    ),
    "report": Scenario(
        "a report, and a drain of three batches",
        lambda: (Reporting(), Draining(_batch("a", 1), _batch("b", 2), _batch("c", 3))),
    ),
}
