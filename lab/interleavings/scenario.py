"""What a scenario is: programs that meet."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lab.interleavings.programs import Program
from lab.interleavings.world import Message


class Scenario(NamedTuple):
    """Programs that run beside each other; they are A, B and so on."""

    what: str
    programs: Callable[[], Sequence[Program]]
    harms: frozenset[str] = frozenset()  # that may happen, to each program one, as steps: A! A~ A?
    harm_limit: int = 1  # of them in a run
    migrates: bool = False
    view: bool = False  # the migrations change a view, too
    before: str = ""  # a statement that makes what has to be there


def batch(sender: str, *punches: int, employee: int = 1) -> list[Message]:
    """A batch of messages that are named by who sent them and their punch."""
    return [Message(f"{sender}{number}-{punch}", punch, employee) for number, punch in enumerate(punches, 1)]
