"""Fixtures of the machine's Chromium: one browser for each module, and windows with separate storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.waiting import DEADLINE_SECONDS
from tools.develop import chromium

TIMEOUT_MS = 1000 * DEADLINE_SECONDS
expect.set_options(timeout=TIMEOUT_MS)


class Window:
    """Browser context with separate storage, which opens pages of one URL."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Create a window without tabs.

        Args:
            context: Context of the browser.
            url: URL of the page.
        """
        context.set_default_timeout(TIMEOUT_MS)
        self.context = context
        self.url = url
        self.messages: list[str] = []  # console messages and uncaught errors of the pages

    def new_tab(self) -> Page:
        """Return an empty tab."""
        page = self.context.new_page()
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        return page

    def open(self, fragment: str = "") -> Page:
        """Open the page in a new tab, with a fragment such as "#key=..."."""
        page = self.new_tab()
        page.goto(self.url + fragment)
        return page


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Start Playwright; skip the test if the machine has no Chromium."""
    chromium.find()
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Start one browser for all windows of a module."""
    browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.SWITCHES)
    yield browser
    browser.close()


@contextmanager
def open_window(browser: Browser, url: str, **options: Any) -> Iterator[Window]:
    """Open a window and close it at the end.

    Args:
        browser: Browser, which other windows may share.
        url: URL of the page.
        options: Options of Playwright's `new_context`: locale, color_scheme, viewport, service_workers.
    """
    context = browser.new_context(**options)
    try:
        yield Window(context, url)
    finally:
        context.close()
