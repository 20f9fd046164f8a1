"""A trial of a client, for the tests of slices that have one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from slices.conformance import rules
from slices.conformance.rules import Expected
from slices.conformance.run import Settings, serving


class Trial(NamedTuple):
    """What stands between a client and its server."""

    url: str  # where punches are to be sent
    complaints: Callable[[], list[str]]  # waits until all punches have come to an end; empty: every rule was kept


@contextmanager
def trial(seed: int, target: str, punches: int, scale: float) -> Iterator[Trial]:
    """Listen for as long as the context lasts.

    Args:
        seed: of the misbehaviour.
        target: the URL of POST /ponto that answers.
        punches: which the client is going to send.
        scale: seconds by the wall clock for a second of the client's.
    """
    with serving(Settings(seed, target=target, scale=scale)) as kit:

        def complaints() -> list[str]:
            verdicts = rules.judge(kit.wait(Expected(punches), None))
            return [
                line
                for verdict in verdicts
                if verdict.word != "kept"
                for line in (f"seed {seed}: {verdict.rule.name}: {verdict.word}", *verdict.lines())
            ]

        yield Trial(kit.url, complaints)
