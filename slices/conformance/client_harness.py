"""Conformance test of a client, for the tests of slices that contain a client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from slices.conformance import rules
from slices.conformance.fault_proxy import ProxySettings, run_proxy
from slices.conformance.rules import ExpectedPunches


class ClientHarness(NamedTuple):
    """Fault proxy in front of a server, and the verdict on the client that uses it."""

    url: str  # to which the client sends its punches
    wait_for_violations: Callable[[], list[str]]  # waits until the run is complete; empty if every rule was kept


@contextmanager
def run_client_harness(seed: int, target: str, punches: int, scale: float) -> Iterator[ClientHarness]:
    """Run a fault proxy until the context ends.

    Args:
        seed: seed of the faults.
        target: the URL of POST /ponto to which punches are forwarded.
        punches: number of punches that the client will send.
        scale: seconds by the wall clock for one second of the client.
    """
    with run_proxy(ProxySettings(seed, target=target, scale=scale)) as proxy:

        def wait_for_violations() -> list[str]:
            verdicts = rules.judge(proxy.wait(ExpectedPunches(punches), None))
            return [
                line
                for verdict in verdicts
                if verdict.outcome != "kept"
                for line in (f"seed {seed}: {verdict.rule.name}: {verdict.outcome}", *verdict.lines())
            ]

        yield ClientHarness(proxy.url, wait_for_violations)
