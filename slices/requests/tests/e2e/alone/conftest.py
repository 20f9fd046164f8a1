"""Fixtures of a stage with sign-in and the page, if both slices are enabled."""

from ponto import enabled_slices

if {"page", "sign_in"} <= set(enabled_slices.names()):
    from slices.sign_in.tests.e2e.alone.test_identity import deployed as deployed
    from slices.sign_in.tests.e2e.alone.test_identity import pool as pool
    from slices.sign_in.tests.e2e.alone.test_identity import sign_in as sign_in
    from tools.tests.page.browsers import browser as browser
    from tools.tests.page.browsers import playwright as playwright
else:
    collect_ignore = ["test_signed_in_requests.py"]
