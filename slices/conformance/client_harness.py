"""A trial of a client, for the tests of slices that have one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from slices.conformance import rules
from slices.conformance.fault_proxy import ProxySettings, run_proxy
from slices.conformance.rules import ExpectedPunches


class ClientHarness(NamedTuple):
    """What stands between a client and its server."""

    url: str  # where punches are to be sent
    wait_for_violations: Callable[
        [], list[str]
    ]  # waits until all punches have come to an end; empty: every rule was kept


@contextmanager
def run_client_harness(seed: int, target: str, punches: int, scale: float) -> Iterator[ClientHarness]:
    """Listen for as long as the context lasts.

    Args:
        seed: of the misbehaviour.
        target: the URL of POST /ponto that answers.
        punches: which the client is going to send.
        scale: seconds by the wall clock for a second of the client's.
    """
    with run_proxy(ProxySettings(seed, target=target, scale=scale)) as proxy:

        def wait_for_violations() -> list[str]:
            verdicts = rules.judge(proxy.wait(ExpectedPunches(punches), None))
            return [
                line
                for verdict in verdicts
                if verdict.word != "kept"
                for line in (f"seed {seed}: {verdict.rule.name}: {verdict.word}", *verdict.lines())
            ]

        yield ClientHarness(proxy.url, wait_for_violations)
