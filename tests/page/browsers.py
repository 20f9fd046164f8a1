"""The machine's Chromium, one for all tests of a module, and a window of it with its own storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.waiting import DEADLINE_SECONDS
from tools.develop import chromium

MS = 1000 * DEADLINE_SECONDS
expect.set_options(timeout=MS)


class Window:
    """A window of a browser, with storage of its own."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Opens nothing yet.

        Args:
            context: the browser's.
            url: the page's.
        """
        context.set_default_timeout(MS)
        self.context = context
        self.url = url
        self.messages: list[str] = []  # what the pages wrote to the console, or threw

    def new_tab(self) -> Page:
        """Return an empty tab."""
        page = self.context.new_page()
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        return page

    def open(self, fragment: str = "") -> Page:
        """Open the page in a tab; `fragment` of its address is for example "#key=..."."""
        page = self.new_tab()
        page.goto(self.url + fragment)
        return page


@contextmanager
def start_playwright() -> Iterator[Playwright]:
    """Start Playwright, where there is a Chromium."""
    chromium.find()
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def launch_browser(playwright: Playwright) -> Iterator[Browser]:
    """Start a browser for many windows."""
    browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Start Playwright."""
    with start_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Start one browser for all windows."""
    with launch_browser(playwright) as browser:
        yield browser


@contextmanager
def open_window(browser: Browser, url: str, **options: Any) -> Iterator[Window]:
    """Give a window.

    Args:
        browser: shared with others, who see nothing of it.
        url: the page's.
        how: playwright's: locale, color_scheme, viewport, service_workers.
    """
    context = browser.new_context(**options)
    try:
        yield Window(context, url)
    finally:
        context.close()
