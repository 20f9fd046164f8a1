"""Scenarios: programs that run concurrently."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lab.interleavings.programs import Program
from lab.interleavings.world import ScenarioMessage


class Scenario(NamedTuple):
    """Programs that run concurrently; their sessions are called A, B and so on."""

    description: str
    programs: Callable[[], Sequence[Program]]
    interruptions: frozenset[str] = frozenset()  # possible steps such as A! A~ A?; at most one for each program
    max_interruptions: int = 1  # in a run
    migrates: bool = False
    changes_view: bool = False  # the migrations also change a view
    setup_statement: str = ""  # runs before each run of the scenario


def batch(sender: str, *punches: int, employee_id: int = 1) -> list[ScenarioMessage]:
    """Return a batch of one message for each punch; their ids consist of sender, position and punch."""
    return [ScenarioMessage(f"{sender}{number}-{punch}", punch, employee_id) for number, punch in enumerate(punches, 1)]
