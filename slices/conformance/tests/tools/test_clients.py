"""The conformance kit against a client that is right, and against ones that are each wrong in one way."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from slices.conformance import rules
from slices.conformance.fault_proxy import ProxySettings, run_proxy
from slices.conformance.rules import ExpectedPunches, RuleVerdict
from slices.conformance.tests.tools.clients import BROKEN_RULE_BY_CLIENT, Client, VirtualClock, punch_bodies

PUNCHES = 12
LONGEST_WAIT_SECONDS = 260.0  # contract seconds; these clients wait 240 at most


class Run(NamedTuple):
    """A client, and the kit's number."""

    client: type[Client]
    seed: int

    def verdicts_by_run(self) -> list[RuleVerdict]:
        """Let the client send its punches to the kit."""
        expected = ExpectedPunches(PUNCHES)
        clock = VirtualClock(self.client.kit_wait_seconds)
        with run_proxy(
            ProxySettings(self.seed, scale=clock.scale, longest_wait_seconds=LONGEST_WAIT_SECONDS), clock
        ) as proxy:
            self.client(proxy.url, clock, self.seed).run(punch_bodies(PUNCHES))
            clock.wait(LONGEST_WAIT_SECONDS)
            return rules.judge(proxy.wait(expected, None))


def verdicts_by_run(runs: Sequence[Run]) -> dict[Run, list[RuleVerdict]]:
    """Do runs side by side: what they do is wait."""
    with ThreadPoolExecutor(len(runs)) as pool:
        return dict(zip(runs, pool.map(Run.verdicts_by_run, runs), strict=True))


def broken_rules(verdicts: Sequence[RuleVerdict]) -> list[str]:
    """Name the rules that were broken."""
    return [verdict.rule.name for verdict in verdicts if verdict.word == "broken"]


def test_a_right_client_is_convicted_of_nothing_and_every_rule_was_tried() -> None:
    found = verdicts_by_run([Run(Client, seed) for seed in range(20)])
    for run, verdicts in found.items():
        assert {verdict.rule.name: verdict.word for verdict in verdicts} == {
            rule.name: "kept" for rule in rules.RULES
        }, f"{run}: {[line for verdict in verdicts for line in verdict.lines()]}"


def test_each_wrong_client_is_convicted_of_its_own_fault_and_of_no_other() -> None:
    found = verdicts_by_run([Run(client, seed) for client, seed in itertools.product(BROKEN_RULE_BY_CLIENT, range(3))])
    for run, verdicts in found.items():
        lines = [line for verdict in verdicts for line in verdict.lines()]
        own = [BROKEN_RULE_BY_CLIENT[run.client]]
        assert broken_rules(verdicts) == own, f"{run}: {lines}"
