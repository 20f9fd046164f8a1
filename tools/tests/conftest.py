"""Fixtures of the browser."""

from tools.tests.page.browsers import browser as browser
from tools.tests.page.browsers import playwright as playwright
