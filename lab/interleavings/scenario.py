"""What a scenario is: programs that meet."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lab.interleavings.programs import Program
from lab.interleavings.world import ScenarioMessage


class Scenario(NamedTuple):
    """Programs that run beside each other; they are A, B and so on."""

    description: str
    programs: Callable[[], Sequence[Program]]
    interruptions: frozenset[str] = frozenset()  # that may happen, to each program one, as steps: A! A~ A?
    max_interruptions: int = 1  # of them in a run
    migrates: bool = False
    changes_view: bool = False  # the migrations change a view, too
    setup_statement: str = ""  # a statement that makes what has to be there


def batch(sender: str, *punches: int, employee_id: int = 1) -> list[ScenarioMessage]:
    """A batch of messages that are named by who sent them and their punch."""
    return [ScenarioMessage(f"{sender}{number}-{punch}", punch, employee_id) for number, punch in enumerate(punches, 1)]
