"""What the tests of both houses share: how they run, and a database, AWS, a deployed system and compiled templates."""

from slices import enabled

collect_ignore = [f"slices/{path.name}" for path in enabled.FOLDER.glob("*/") if path.name not in enabled.names()]

pytest_plugins = [
    "tests.suite",
    "tests.database",
    "tests.events",
    "tests.postgres.servers",
    "tests.e2e.deployed",
    "tests.template.compiled",
]
