"""One browser for all tests of a module: what tests of pages share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

from tests.page import browsers


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Start Playwright."""
    with browsers.started() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Start one browser for all windows."""
    with browsers.browser(playwright) as browser:
        yield browser
