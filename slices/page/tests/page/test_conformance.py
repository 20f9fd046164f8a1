"""The page before what tries clients: it keeps every rule of the contract, whatever goes wrong."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib import import_module
from typing import Any

import pytest
from playwright.sync_api import Browser

from slices import enabled
from slices.page.tests.page.between import Between
from slices.page.tests.page.phone import Phone, clock, enter_key, phone, press, punch

SPEED = 50  # of the page's clock. A page that did not back off would look slow; test_outbox.py sees its waits.
PUNCHES = 10
SEEDS = 2  # of which each has every misbehaviour of the kit; by night there are more
TOGETHER = 20  # phones
_PATIENT = """
AbortSignal.timeout = () => new AbortController().signal // the kit ends its silence itself, and the machine may be busy
"""

Trial = Callable[..., AbstractContextManager[Any]]  # which gives a URL and complaints

# Not imported by name: the page works without conformance.
TRIALS = [import_module("slices.conformance.client_harness").run_client_harness] if "conformance" in enabled.names() else []
tried_by = pytest.mark.parametrize("trial", TRIALS)


def require_conformance(browser: Browser, server: Between, trial: Trial, seeds: Sequence[int]) -> None:
    """Let a phone send its punches for each seed, all at once, and hold it to every rule."""
    server.api = server.record
    with ExitStack() as stack:
        context = stack.enter_context(phone(browser, "", service_workers="block")).context
        trials = []
        for seed in seeds:
            # Of another port: of an origin with storage of its own.
            tried = stack.enter_context(trial(seed, f"{server.url}ponto", PUNCHES, 1 / SPEED))
            page = Phone(context, tried.url.removesuffix("ponto")).open("", clock(SPEED) + _PATIENT, worker=False)
            punch(page, seed + 1)
            press(page, PUNCHES - 1)
            enter_key(page, "key")  # until then all wait
            trials.append(tried)
        for tried in trials:
            assert tried.complaints() == []


@tried_by
def test_the_page_keeps_every_rule(browser: Browser, server: Between, trial: Trial) -> None:
    require_conformance(browser, server, trial, range(SEEDS))


@tried_by
@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, 200, TOGETHER))
def test_the_page_keeps_every_rule_by_many_seeds(browser: Browser, server: Between, trial: Trial, first: int) -> None:
    require_conformance(browser, server, trial, range(first, first + TOGETHER))
