"""Pytest plugins of the whole test suite, and the slices whose tests are not collected."""

from ponto import enabled_slices

collect_ignore = [
    f"slices/{path.name}" for path in enabled_slices.FOLDER.glob("*/") if path.name not in enabled_slices.names()
]

pytest_plugins = [
    "tests.suite",
    "tests.database",
    "tests.events",
    "tests.postgres.servers",
    "tests.e2e.deployed",
    "tests.template.compiled",
]
