"""The conformance kit against a client that is right, and against ones that are each wrong in one way."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from slices.conformance import rules
from slices.conformance.rules import Expected, Verdict
from slices.conformance.run import Settings, serving
from slices.conformance.tests.tools.clients import WRONG, Client, VirtualClock, bodies

PUNCHES = 12
LONGEST_WAIT = 260.0  # contract seconds; these clients wait 240 at most


class Run(NamedTuple):
    """A client, and the kit's number."""

    client: type[Client]
    seed: int

    def judged(self) -> list[Verdict]:
        """Let the client send its punches to the kit."""
        expected = Expected(PUNCHES)
        clock = VirtualClock(self.client.kit_wait_seconds)
        with serving(Settings(self.seed, scale=clock.scale, longest_wait=LONGEST_WAIT), clock) as kit:
            self.client(kit.url, clock, self.seed).run(bodies(PUNCHES))
            clock.wait(LONGEST_WAIT)
            return rules.judge(kit.wait(expected, None))


def judged(runs: Sequence[Run]) -> dict[Run, list[Verdict]]:
    """Do runs side by side: what they do is wait."""
    with ThreadPoolExecutor(len(runs)) as pool:
        return dict(zip(runs, pool.map(Run.judged, runs), strict=True))


def broken(verdicts: Sequence[Verdict]) -> list[str]:
    """Name the rules that were broken."""
    return [verdict.rule.name for verdict in verdicts if verdict.word == "broken"]


def test_a_right_client_is_convicted_of_nothing_and_every_rule_was_tried() -> None:
    found = judged([Run(Client, seed) for seed in range(20)])
    for run, verdicts in found.items():
        assert {verdict.rule.name: verdict.word for verdict in verdicts} == {
            rule.name: "kept" for rule in rules.RULES
        }, f"{run}: {[line for verdict in verdicts for line in verdict.lines()]}"


def test_each_wrong_client_is_convicted_of_its_own_fault_and_of_no_other() -> None:
    found = judged([Run(client, seed) for client, seed in itertools.product(WRONG, range(3))])
    for run, verdicts in found.items():
        lines = [line for verdict in verdicts for line in verdict.lines()]
        own = [WRONG[run.client]]
        assert broken(verdicts) == own, f"{run}: {lines}"
