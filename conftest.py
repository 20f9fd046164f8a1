"""What the tests of both houses share: how they run, and a database, AWS, a deployed system and compiled templates."""

pytest_plugins = [
    "tests.suite",
    "tests.database",
    "tests.events",
    "tests.postgres.servers",
    "tests.e2e.deployed",
    "tests.template.compiled",
]
