"""Fixtures: the page in Chromium, in front of a fake server that accepts every punch and stores nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, accept, run_fake_server
from slices.page.tests.page.phones import Phone


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Serve the page, and accept its punches."""
    with run_fake_server(accept) as server:
        yield server


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Keep one browser tab for all tests of a module, because opening a tab takes longer than loading the page."""
    with phones.new_phone(browser, "", service_workers="block") as phone:
        yield phone.context


@pytest.fixture
def phone(context: BrowserContext, server: FakeServer) -> Iterator[Phone]:
    """A phone with empty storage, because each server is another origin. It has no service worker."""
    tab = context.pages[0] if context.pages else context.new_page()
    phone = Phone(context, server.url, tab)
    yield phone
    context.set_offline(False)
    phone.remove_init_scripts()
    for other in context.pages[1:]:
        other.close()
    # The tab keeps its page: navigating from an empty page would start another process.
