"""Pytest plugins of the whole test suite, and the slices whose tests are not collected."""

from slices import enabled

collect_ignore = [f"slices/{path.name}" for path in enabled.FOLDER.glob("*/") if path.name not in enabled.names()]

pytest_plugins = [
    "tests.suite",
    "tests.database",
    "tests.events",
    "tests.postgres.servers",
    "tests.e2e.deployed",
    "tests.page.browsers",
    "tests.template.compiled",
]
