"""The page in the machine's Chromium, before a stack that has nothing behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from slices.page.tests.page import phone as phones
from slices.page.tests.page.between import Between, accept, between
from slices.page.tests.page.phone import Phone


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
