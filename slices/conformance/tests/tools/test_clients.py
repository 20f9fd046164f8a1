"""Tests of the rules for clients with a correct client, and with clients that each break one rule."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from slices.conformance import rules
from slices.conformance.fault_proxy import ProxySettings, run_proxy
from slices.conformance.rules import ExpectedPunches, RuleVerdict
from slices.conformance.tests.tools.clients import BROKEN_RULE_BY_CLIENT, Client, VirtualClock, punch_bodies

PUNCHES = 12
MAX_WAIT_SECONDS = 260.0  # scaled; these clients wait for at most 240


class Run(NamedTuple):
    """A client, and the seed of its faults."""

    client: type[Client]
    seed: int

    def execute(self) -> list[RuleVerdict]:
        """Send the client's punches through the proxy, and return the verdicts."""
        clock = VirtualClock(self.client.proxy_wait_seconds)
        settings = ProxySettings(self.seed, scale=clock.scale, max_wait_seconds=MAX_WAIT_SECONDS)
        with run_proxy(settings, clock) as proxy:
            self.client(proxy.url, clock, self.seed).run(punch_bodies(PUNCHES))
            clock.wait(MAX_WAIT_SECONDS)
            return rules.judge(proxy.wait(ExpectedPunches(PUNCHES), None))


def execute_all(runs: Sequence[Run]) -> dict[Run, list[RuleVerdict]]:
    """Execute runs in parallel, because they mostly wait."""
    with ThreadPoolExecutor(len(runs)) as pool:
        return dict(zip(runs, pool.map(Run.execute, runs), strict=True))


def test_a_correct_client_breaks_no_rule_and_every_rule_was_tried() -> None:
    for run, verdicts in execute_all([Run(Client, seed) for seed in range(20)]).items():
        assert {verdict.rule.name: verdict.outcome for verdict in verdicts} == {
            rule.name: "kept" for rule in rules.RULES
        }, f"{run}: {[line for verdict in verdicts for line in verdict.lines()]}"


def test_each_wrong_client_breaks_exactly_its_rule() -> None:
    runs = [Run(client, seed) for client, seed in itertools.product(BROKEN_RULE_BY_CLIENT, range(3))]
    for run, verdicts in execute_all(runs).items():
        broken_rules = [verdict.rule.name for verdict in verdicts if verdict.outcome == "broken"]
        lines = [line for verdict in verdicts for line in verdict.lines()]
        assert broken_rules == [BROKEN_RULE_BY_CLIENT[run.client]], f"{run}: {lines}"
