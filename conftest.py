"""What the tests of both houses share: how they run, and a database, a deployed system and compiled templates."""

pytest_plugins = ["tests.suite", "tests.database", "tests.e2e.deployed", "tests.template.compiled"]
