"""Scenarios and mutants of the reference and of the enabled slices."""

from lab import extensions
from lab.interleavings import mutants
from lab.interleavings.programs import DrainProgram, MigrationProgram, RedriveProgram
from lab.interleavings.scenario import Scenario, batch
from lab.interleavings.world import REFUSED, ScenarioMessage


def _refused(sender: str, punch: int) -> ScenarioMessage:
    return ScenarioMessage(f"{sender}-{punch}", punch, key=REFUSED)


SCENARIOS: dict[str, Scenario] = {
    "same": Scenario(
        "two drains: the same punches, in different orders",
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
        "two drains: one has a punch that a newer schema refuses, so that it stores the others in parts",
        lambda: (DrainProgram([*batch("a", 1), _refused("x", 2)]), DrainProgram(batch("b", 1))),
    ),
    "batches": Scenario(
        "two drains, one with two batches: both ids in common",
        lambda: (DrainProgram(batch("a", 1), batch("c", 2)), DrainProgram(batch("b", 2, 1, employee_id=2))),
    ),
    "three": Scenario(
        "three drains: the same id, once with another punch",
        lambda: (DrainProgram(batch("a", 1)), DrainProgram(batch("b", 1)), DrainProgram(batch("c", 1, employee_id=2))),
    ),
    "killed": Scenario(
        "two drains: the same punch; one is killed, cut or gives up waiting, and its message is delivered again",
        lambda: (DrainProgram(batch("a", 1), killable_tries=1), DrainProgram(batch("b", 1))),
        interruptions=frozenset({"A!", "A~", "A?"}),
    ),
    "killed, other": Scenario(
        "two drains: other punches under the same id; one is killed",
        lambda: (DrainProgram(batch("a", 1), killable_tries=1), DrainProgram(batch("b", 1, employee_id=2))),
        interruptions=frozenset({"A!"}),
    ),
    "killed twice": Scenario(
        "a drain that is killed; its message is delivered again to another one, which is also killed",
        lambda: (DrainProgram(batch("a", 1), killable_tries=2),),
        interruptions=frozenset({"A!", "B!"}),
        max_interruptions=2,
    ),
    "redrive": Scenario(
        "a redrive of a dead letter, and a drain of the same punch, sent again by the device",
        lambda: (RedriveProgram(*batch("a", 1)), DrainProgram(batch("b", 1))),
    ),
    "redrive killed": Scenario(
        "a redrive that is killed and run again, so that copies of the dead letter are drained",
        lambda: (RedriveProgram(*batch("a", 1)),),
        interruptions=frozenset({"A!"}),
    ),
    "migration": Scenario(
        "a drain of two batches, and migrations that lock the table and change a view",
        lambda: (DrainProgram(batch("a", 1), batch("c", 2)), MigrationProgram()),
        migrates=True,
        changes_view=True,
    ),
    "migration killed": Scenario(
        "a drain, and migrations that are killed and run again",
        lambda: (DrainProgram(batch("a", 1)), MigrationProgram()),
        interruptions=frozenset({"B!"}),
        migrates=True,
    ),
    "drain tired": Scenario(
        "migrations, and a drain that gives up waiting for them",
        lambda: (DrainProgram(batch("a", 1)), MigrationProgram()),
        interruptions=frozenset({"A?"}),
        migrates=True,
    ),
    "migrations": Scenario(
        "the migrations, twice at the same time",
        lambda: (MigrationProgram(), MigrationProgram()),
        migrates=True,
    ),
}
SCENARIOS |= extensions.collect("interleavings", "SCENARIOS")
MUTANTS = mutants.MUTANTS | extensions.collect("interleavings", "MUTANTS")
