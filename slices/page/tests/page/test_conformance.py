"""Tests of the page as a client of the API, with the fault proxy of the slice `conformance`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib import import_module
from typing import Any

import pytest
from playwright.sync_api import Browser

from slices import enabled
from slices.page.tests.page.fake_server import FakeServer
from slices.page.tests.page.phones import Phone, clock_script, enter_key, new_phone, press_repeatedly, punch

SPEED = 50  # factor of the page's clock
PUNCHES = 10
SEEDS = 2  # each meets every type of fault; the nightly test has more seeds
PARALLEL_PHONES = 20
_NO_TIMEOUTS = """
AbortSignal.timeout = () => new AbortController().signal // the proxy ends its silence itself
"""

RunHarness = Callable[..., AbstractContextManager[Any]]

# Imported by its name as a string, because the page also works without the conformance slice.
HARNESSES = (
    [import_module("slices.conformance.client_harness").run_client_harness] if "conformance" in enabled.names() else []
)
with_harness = pytest.mark.parametrize("run_harness", HARNESSES)


def require_conformance(browser: Browser, server: FakeServer, run_harness: RunHarness, seeds: Sequence[int]) -> None:
    """Send the punches of one phone for each seed, in parallel, and require that every rule is kept."""
    server.api = server.accept_and_record
    with ExitStack() as stack:
        context = stack.enter_context(new_phone(browser, "", service_workers="block")).context
        harnesses = []
        for seed in seeds:
            # Each harness has its own port, so each page has its own origin and storage.
            harness = stack.enter_context(run_harness(seed, f"{server.url}ponto", PUNCHES, 1 / SPEED))
            page = Phone(context, harness.url.removesuffix("ponto")).open(
                "", clock_script(SPEED) + _NO_TIMEOUTS, worker=False
            )
            punch(page, seed + 1)
            press_repeatedly(page, PUNCHES - 1)
            enter_key(page, "key")  # until now all punches have waited
            harnesses.append(harness)
        for harness in harnesses:
            assert harness.wait_for_violations() == []


@with_harness
def test_the_page_keeps_every_rule(browser: Browser, server: FakeServer, run_harness: RunHarness) -> None:
    require_conformance(browser, server, run_harness, range(SEEDS))


@with_harness
@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, 200, PARALLEL_PHONES))
def test_the_page_keeps_every_rule_by_many_seeds(
    browser: Browser, server: FakeServer, run_harness: RunHarness, first: int
) -> None:
    require_conformance(browser, server, run_harness, range(first, first + PARALLEL_PHONES))
