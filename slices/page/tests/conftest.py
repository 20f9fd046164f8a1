"""The page in the machine's Chromium."""

from tests.page.fixtures import browser, playwright

__all__ = ["browser", "playwright"]
