"""`ponto schema` on the deployed stack, whose database has all migrations."""

import pytest

from tests.commands import runner
from tests.e2e.deployed import Deployed


def test_schema_of_a_database_that_has_all_of_it_applies_nothing_and_ends_with_0(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    done = runner(capsys, "schema", "--state", deployed.state)("--json")
    assert (done.status, done.json) == (0, {"applied": [], "notices": []})
    assert done.err == "invoking batida-ponto-local-schema\n"
