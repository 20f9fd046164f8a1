"""The pages of the local stack in the machine's Chromium."""

from tests.page.browsers import browser, playwright

__all__ = ["browser", "playwright"]
