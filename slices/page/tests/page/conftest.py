"""The page in the machine's Chromium, before a stack that has nothing behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, accept, run_fake_server
from slices.page.tests.page.phones import Phone


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Serve the page, and accept what it sends."""
    with run_fake_server(accept) as server:
        yield server


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Keep a browser's tab from test to test: opening one takes longer than the page in it."""
    with phones.new_phone(browser, "", service_workers="block") as phone:
        yield phone.context


@pytest.fixture
def phone(context: BrowserContext, server: FakeServer) -> Iterator[Phone]:
    """Give a phone, new from its box, for each server is another origin; the page works with network only."""
    tab = context.pages[0] if context.pages else context.new_page()
    phone = Phone(context, server.url, tab)
    yield phone
    context.set_offline(False)
    phone.remove_init_scripts()
    for other in context.pages[1:]:
        other.close()
    # The tab stays where it is: from an empty page the next one would need another process.
