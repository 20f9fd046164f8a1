"""Which database a report is made of."""

import pytest

from tools import cli


def test_a_database_by_hand_is_refused_beside_a_deployment(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "totals", "--month", "2026-11", "--database", "env", "--stage", "dev"]) == 2
    assert "--database is not allowed with --stage" in capsys.readouterr().err
