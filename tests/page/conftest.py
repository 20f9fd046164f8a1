"""The page in the machine's Chromium, before a stack that has nothing behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page import phone as phones
from tests.page.between import Between, accept, between
from tests.page.phone import Phone


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for all phones."""
    with phones.started() as playwright, phones.browser(playwright) as browser:
        yield browser


@pytest.fixture
def server() -> Iterator[Between]:
    """Serve the page, and accept what it sends."""
    with between(accept) as server:
        yield server


@pytest.fixture
def phone(browser: Browser, server: Between) -> Iterator[Phone]:
    """Give a phone, new from its box; the page works with network only."""
    with phones.phone(browser, server.url, service_workers="block") as phone:
        yield phone
