"""Which programs meet, and over what; a slice brings scenarios of its own, and planted faults."""

from lab import extensions
from lab.interleavings import mutants
from lab.interleavings.programs import DrainProgram, MigrationProgram, RedriveProgram
from lab.interleavings.scenario import Scenario, batch
from lab.interleavings.world import REFUSED, ScenarioMessage


def _refused(sender: str, punch: int) -> ScenarioMessage:
    return ScenarioMessage(f"{sender}-{punch}", punch, key=REFUSED)


SCENARIOS: dict[str, Scenario] = {
    "same": Scenario(
        "two drains: the same punches, in another order",
        lambda: (DrainProgram(batch("a", 1, 2)), DrainProgram(batch("b", 2, 1))),
    ),
    "other": Scenario(
        "two drains: other punches under the same ids",
        lambda: (DrainProgram(batch("a", 1, 2)), DrainProgram(batch("b", 2, 1, employee_id=2))),
    ),
    "overlap": Scenario(
        "two drains: some ids in common, some twice in a batch",
        lambda: (
            DrainProgram(batch("a", 1, 2, 3)),
            DrainProgram([*batch("b", 3, 4, 2), *batch("c", 3, employee_id=2)]),
        ),
    ),
    "refused": Scenario(
        "two drains, of which one has a punch that a newer schema refuses, so that it stores the others in parts",
        lambda: (DrainProgram([*batch("a", 1), _refused("x", 2)]), DrainProgram(batch("b", 1))),
    ),
    "batches": Scenario(
        "two drains, of one batch and of two, with both ids in common",
        lambda: (DrainProgram(batch("a", 1), batch("c", 2)), DrainProgram(batch("b", 2, 1, employee_id=2))),
    ),
    "three": Scenario(
        "three drains with one id, one of them with another punch under it",
        lambda: (DrainProgram(batch("a", 1)), DrainProgram(batch("b", 1)), DrainProgram(batch("c", 1, employee_id=2))),
    ),
    "killed": Scenario(
        "two drains of the same punch, one of which is killed, cut or tired of waiting, and what it had comes again",
        lambda: (DrainProgram(batch("a", 1), killable_tries=1), DrainProgram(batch("b", 1))),
        interruptions=frozenset({"A!", "A~", "A?"}),
    ),
    "killed, other": Scenario(
        "two drains of which one is killed, with another punch under the same id",
        lambda: (DrainProgram(batch("a", 1), killable_tries=1), DrainProgram(batch("b", 1, employee_id=2))),
        interruptions=frozenset({"A!"}),
    ),
    "killed twice": Scenario(
        "a drain that is killed, and what it had comes again to another, which is killed, too",
        lambda: (DrainProgram(batch("a", 1), killable_tries=2),),
        interruptions=frozenset({"A!", "B!"}),
        max_interruptions=2,
    ),
    "redrive": Scenario(
        "a dead letter is redriven, while the device's own second try is drained",
        lambda: (RedriveProgram(*batch("a", 1)), DrainProgram(batch("b", 1))),
    ),
    "redrive killed": Scenario(
        "a dead letter is redriven by a command that may be killed, and is run again: its copies are drained",
        lambda: (RedriveProgram(*batch("a", 1)),),
        interruptions=frozenset({"A!"}),
    ),
    "migration": Scenario(
        "a drain of two batches, and a migration that locks the table; a view changes, too",
        lambda: (DrainProgram(batch("a", 1), batch("c", 2)), MigrationProgram()),
        migrates=True,
        changes_view=True,
    ),
    "migration killed": Scenario(
        "a drain, and a migration that is killed, and run again",
        lambda: (DrainProgram(batch("a", 1)), MigrationProgram()),
        interruptions=frozenset({"B!"}),
        migrates=True,
    ),
    "drain tired": Scenario(
        "a migration, and a drain that is tired of waiting for it",
        lambda: (DrainProgram(batch("a", 1)), MigrationProgram()),
        interruptions=frozenset({"A?"}),
        migrates=True,
    ),
    "migrations": Scenario(
        "the migrations, run twice at once",
        lambda: (MigrationProgram(), MigrationProgram()),
        migrates=True,
    ),
}
SCENARIOS |= extensions.collect("interleavings", "SCENARIOS")
MUTANTS = mutants.MUTANTS | extensions.collect("interleavings", "MUTANTS")
