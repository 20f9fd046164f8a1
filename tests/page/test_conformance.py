"""The page before the conformance kit: it keeps every rule of the contract, whatever goes wrong."""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from slices.conformance import rules
from slices.conformance.rules import Expected
from slices.conformance.run import Settings, serving
from tests.page.between import Between
from tests.page.phone import Phone, clock, enter_key, phone, press, punch

SPEED = 50  # of the page's clock. A page that did not back off would look slow; test_outbox.py sees its waits.
PUNCHES = 10
SEEDS = 6  # of which each has every misbehaviour of the kit; by night there are more
TOGETHER = 20  # phones
_PATIENT = """
AbortSignal.timeout = () => new AbortController().signal // the kit ends its silence itself, and the machine may be busy
"""


def require_conformance(browser: Browser, server: Between, seeds: Sequence[int]) -> None:
    """Let a phone send its punches for each seed, all at once, and hold it to every rule."""
    server.api = server.record
    with ExitStack() as stack:
        context = stack.enter_context(phone(browser, "", service_workers="block")).context
        kits = []
        for seed in seeds:
            settings = Settings(seed, target=f"{server.url}ponto", scale=1 / SPEED)
            kit = stack.enter_context(serving(settings))  # of another port: of an origin with storage of its own
            page = Phone(context, kit.url.removesuffix("ponto")).open("", clock(SPEED) + _PATIENT, worker=False)
            punch(page, seed + 1)
            press(page, PUNCHES - 1)
            enter_key(page, "key")  # until then all wait
            kits.append(kit)
        for kit in kits:
            verdicts = rules.judge(kit.wait(Expected(PUNCHES), None))
            assert {verdict.rule.name: verdict.word for verdict in verdicts} == {
                rule.name: "kept" for rule in rules.RULES
            }, (kit.settings.seed, [line for verdict in verdicts for line in verdict.lines()])


def test_the_page_keeps_every_rule(browser: Browser, server: Between) -> None:
    require_conformance(browser, server, range(SEEDS))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, 200, TOGETHER))
def test_the_page_keeps_every_rule_by_many_seeds(browser: Browser, server: Between, first: int) -> None:
    require_conformance(browser, server, range(first, first + TOGETHER))
