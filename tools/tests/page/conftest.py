"""Fixtures of the tests that open the local stack's pages in the machine's Chromium."""

from tests.page.browsers import browser, playwright

__all__ = ["browser", "playwright"]
