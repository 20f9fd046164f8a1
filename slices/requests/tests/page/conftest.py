"""Fixtures of the page's tests, if the slice that serves pages is there."""

from importlib.util import find_spec

if find_spec("slices.page"):
    from slices.page.tests.page.conftest import context as context
    from slices.page.tests.page.conftest import phone as phone
    from tools.tests.page.browsers import browser as browser
    from tools.tests.page.browsers import playwright as playwright
else:
    collect_ignore = ["test_requests_page.py"]
